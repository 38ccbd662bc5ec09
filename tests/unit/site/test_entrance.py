"""What is let in is on disk before any data are touched for it."""

import errno
import os
from pathlib import Path

import pytest

from modelward.errors import StorageError
from modelward.site.entering import entrance


def test_a_model_that_cannot_be_linked_is_copied_onto_the_disk(tmp_path, monkeypatch):
    source, target = tmp_path / "source", tmp_path / "kept" / "target"
    target.parent.mkdir()
    source.write_bytes(bytes(3 * 2**20))
    synced: list[str] = []
    fsync = os.fsync

    def link(_: object, there: Path) -> None:
        if there == target:
            raise OSError(errno.EXDEV, "another disk")

    def seen(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(os, "fsync", seen)
    entrance._keep(source, target)

    assert target.read_bytes() == source.read_bytes()
    assert any(Path(name).parent == target.parent and ".part" in name for name in synced), (
        "its bytes, and not the name alone"
    )


def test_a_model_that_cannot_be_kept_is_an_error(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        entrance._keep(tmp_path / "missing", tmp_path / "target")
