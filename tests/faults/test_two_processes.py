"""Two processes that make the same key at the same moment end up with one key."""

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelward.errors import StorageError
from modelward.exchange.institution.folder import sealing_key
from modelward.joining.keys import signing_key, tls_key
from modelward.site.approving import person_key
from modelward.site.budget.spending import dp_key
from modelward.site.rooms.extractor import patient_key

FORK = multiprocessing.get_context("fork")

MAKERS: dict[str, Callable[[Path], bytes]] = {
    "signing": lambda path: signing_key(path).private_bytes_raw(),
    "tls": lambda path: str(tls_key(path).private_numbers().private_value).encode(),
    "patients": patient_key,
    "noise": dp_key,
    "sealing": lambda path: sealing_key(path).private_bytes_raw(),
}


def _make(name: str, path: Path, gate: Any, told: Any) -> None:
    gate.wait()
    told.put(MAKERS[name](path))
    told.close()
    told.join_thread()
    os._exit(0)  # what other tests have loaded is not torn down here


@pytest.mark.parametrize("name", MAKERS)
def test_whoever_comes_second_uses_the_key_of_the_first(name, tmp_path):
    for attempt in range(4):
        path, gate, told = tmp_path / f"key{attempt}", FORK.Barrier(4), FORK.Queue()
        makers = [FORK.Process(target=_make, args=(name, path, gate, told)) for _ in range(4)]
        for maker in makers:
            maker.start()
        keys = {told.get(timeout=60) for _ in makers}
        for maker in makers:
            maker.join()

        assert keys == {MAKERS[name](path)}, "one key, and it is the one on disk"
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_persons_key_is_never_replaced_by_one_made_at_the_same_moment(tmp_path, monkeypatch):
    path, words = tmp_path / "ada.pem", "a passphrase of many words"
    exists = Path.exists
    first = person_key.make(path, words).private_bytes_raw()
    monkeypatch.setattr(Path, "exists", lambda self: self != path and exists(self))

    with pytest.raises(StorageError, match="no key was made"):
        person_key.make(path, words)

    assert person_key.unlock(path, words).private_bytes_raw() == first
