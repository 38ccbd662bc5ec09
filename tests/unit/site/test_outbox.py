"""Whatever a trainer leaves in its outbox is removed, and nothing beside it."""

import os
from pathlib import Path

import pytest

from modelward.artifact.store import Store
from modelward.errors import TrainingFailed
from modelward.site.keeping import outbox as outboxes
from modelward.site.keeping.outbox import empty
from modelward.site.rooms.workroom import Workroom
from tests.outbox import proper, scripted_line
from tests.sites import newton
from tests.unit.site.test_workroom import STATISTICS, hostile, prepared

STUDY = newton()


def deep(folder: Path, levels: int = 3000) -> None:
    """Make a tree that is deeper than Python recurses, and longer than a path may be."""
    where = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=where)
        inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=where)
        os.close(where)
        where = inner
    os.close(where)


def test_a_tree_of_any_depth_is_taken_apart(tmp_path):
    deep(tmp_path)
    (tmp_path / "beside").write_bytes(b"x")

    empty(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_hostile_tree_is_no_end_of_the_gatekeeper(tmp_path):
    def act(outbox: Path) -> None:
        (outbox / "offer.safetensors").write_bytes(proper())
        deep(outbox)

    assert hostile(tmp_path, act).tensors, "the offer beside it is what was asked for"


def test_links_are_removed_and_what_they_lead_to_stays(tmp_path):
    outside, box = tmp_path / "outside", tmp_path / "box"
    (outside / "inner").mkdir(parents=True)
    (outside / "site.key").write_bytes(b"secret")
    (box / "folder").mkdir(parents=True)
    (box / "link").symlink_to(outside)
    (box / "folder" / "link").symlink_to(outside / "inner")
    (box / "folder" / "nowhere").symlink_to(tmp_path / "none")

    empty(box)

    assert list(box.iterdir()) == []
    assert (outside / "site.key").read_bytes() == b"secret"
    assert (outside / "inner").is_dir()


def test_a_folder_that_its_maker_has_closed_is_removed(tmp_path):
    closed = tmp_path / "box" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").write_bytes(b"x")
    closed.chmod(0)

    empty(tmp_path / "box")

    assert list((tmp_path / "box").iterdir()) == []


def test_a_trainer_that_leaves_more_than_can_be_removed_gives_no_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(outboxes, "MOST_LEFT", 3)
    site, facts = prepared(tmp_path)
    room = Workroom(site, "a", STUDY, facts, "none")
    for name in "abcd":
        (site / "workroom" / STUDY.sha256 / "outbox" / name).write_bytes(b"")
    room._line = scripted_line(lambda: None, b'{"offered": true}\n')

    with pytest.raises(TrainingFailed, match="its outbox cannot be emptied"):
        room.compute(STATISTICS, Store(tmp_path / "models"))
