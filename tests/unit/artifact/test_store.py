"""Files are named by what is in them."""

import numpy as np
import pytest

from modelward.artifact.store import Store
from modelward.core.artifact import Card
from modelward.core.tensors import Schema
from modelward.errors import BadArtifact, StorageError

TENSORS = {"w": np.arange(4, dtype=np.float32)}
SCHEMA = Schema.from_tensors(TENSORS)


def test_the_same_artifact_is_stored_once(tmp_path):
    store = Store(tmp_path)

    first, second = store.put(TENSORS, SCHEMA), store.put(TENSORS, SCHEMA)

    assert first == second
    assert [path.name for path in tmp_path.iterdir()] == [f"{first[0]}.safetensors"]
    assert np.array_equal(store.tensors(first[0], SCHEMA)["w"], TENSORS["w"])


def test_damaged_bytes_are_found_when_they_are_read(tmp_path):
    store = Store(tmp_path)
    digest, _ = store.put(TENSORS, SCHEMA)
    raw = bytearray(store.path(digest).read_bytes())
    raw[-1] ^= 1
    store.path(digest).write_bytes(raw)

    with pytest.raises(StorageError, match="does not have the hash of its name"):
        store.tensors(digest)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(StorageError, match="cannot be read"):
        Store(tmp_path).tensors("0" * 64)


def test_another_schema_is_refused(tmp_path):
    store = Store(tmp_path)
    digest, _ = store.put(TENSORS, SCHEMA)

    with pytest.raises(BadArtifact, match="the study asks for"):
        store.tensors(digest, Schema.from_tensors({"v": TENSORS["w"]}))


def test_an_artifact_needs_its_own_card(tmp_path):
    store = Store(tmp_path)
    digest, length = store.put(TENSORS, SCHEMA)
    entry = Card(
        kind="update", study="a" * 64, round_no=1, task="b" * 64, site="va",
        schema="c" * 64, sha256=digest, nbytes=length, patients=20,
    )  # fmt: skip
    store.put_signed(TENSORS, SCHEMA, entry)

    assert store.artifact(digest, "b" * 64).card == entry
    with pytest.raises(StorageError, match="card of artifact"):
        store.artifact(digest, "c" * 64)
    (tmp_path / f"{digest}-{'d' * 16}.card.json").write_bytes(
        (tmp_path / f"{digest}-{'b' * 16}.card.json").read_bytes()
    )
    with pytest.raises(BadArtifact, match="another artifact"):
        store.artifact(digest, "d" * 64)


def test_a_bundle_that_a_crash_left_torn_is_written_again(tmp_path):
    store = Store(tmp_path)
    digest, length = store.put(TENSORS, SCHEMA)
    entry = Card(
        kind="update", study="a" * 64, round_no=1, task="b" * 64, site="va",
        schema="c" * 64, sha256=digest, nbytes=length, patients=20,
    )  # fmt: skip
    store.path(digest).write_bytes(store.path(digest).read_bytes()[:-1])

    store.put_signed(TENSORS, SCHEMA, entry)

    assert store.artifact(digest, "b" * 64).card == entry
    assert store.path(digest).stat().st_size == length


@pytest.mark.parametrize(
    "name", ["../../site", "a/b", "", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"]
)
def test_a_name_that_is_no_hash_is_no_path(tmp_path, name):
    with pytest.raises(BadArtifact, match="is not the SHA-256 of an artifact"):
        Store(tmp_path).path(name)
