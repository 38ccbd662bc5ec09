"""One suite over every carrier: boxes of letters and objects that nobody can rewrite."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from modelward.core.ports import Carrier
from modelward.engines.shared_folder import SharedFolder
from modelward.errors import BadArtifact, MessageRefused

Open = Callable[[str], Carrier]


@pytest.fixture
def carriers(tmp_path: Path) -> Open:
    return lambda name: SharedFolder(tmp_path / "carrier", name)


def file(path: Path, content: bytes) -> tuple[str, Path]:
    """Write a file; return its hash and where it lies."""
    path.write_bytes(content)
    return sha256(content).hexdigest(), path


def test_letters_are_read_by_others_in_order_from_where_they_stopped(carriers):
    north, south = carriers("north"), carriers("south")
    for number in (1, 2, 3):
        north.post(number, f"letter {number}".encode())

    assert list(south.read("north", 0)) == [(n, f"letter {n}".encode()) for n in (1, 2, 3)]
    assert list(south.read("north", 2)) == [(3, b"letter 3")]
    assert list(south.read("south", 0)) == []


def test_the_same_letter_again_changes_nothing_and_another_one_is_refused(carriers):
    north = carriers("north")
    north.post(1, b"first")

    north.post(1, b"first")
    with pytest.raises(MessageRefused):
        north.post(1, b"other")
    with pytest.raises(MessageRefused):
        north.post(3, b"after a gap")

    assert list(north.read("north", 0)) == [(1, b"first")]


def test_an_object_arrives_whole_and_once(carriers, tmp_path):
    north, south = carriers("north"), carriers("south")
    digest, path = file(tmp_path / "made", bytes(range(256)) * 9000)

    north.put(digest, path)
    north.put(digest, path)
    south.fetch("north", digest, tmp_path / "got", most=3_000_000)

    assert (tmp_path / "got").read_bytes() == path.read_bytes()


def test_what_is_not_there_or_too_large_is_refused(carriers, tmp_path):
    north, south = carriers("north"), carriers("south")
    digest, path = file(tmp_path / "made", bytes(5000))
    north.put(digest, path)

    with pytest.raises(BadArtifact, match="not there"):
        south.fetch("north", "00" * 32, tmp_path / "got", most=10**6)
    with pytest.raises(BadArtifact, match=r"larger|at most"):
        south.fetch("north", digest, tmp_path / "got", most=4999)

    assert not (tmp_path / "got").exists()


def test_a_fetch_that_was_cut_off_goes_on(carriers, tmp_path):
    north, south = carriers("north"), carriers("south")
    digest, path = file(tmp_path / "made", bytes(range(256)) * 9000)
    north.put(digest, path)
    (tmp_path / "got.part").write_bytes(path.read_bytes()[: 1024 * 1024])

    south.fetch("north", digest, tmp_path / "got", most=3_000_000)

    assert (tmp_path / "got").read_bytes() == path.read_bytes()
