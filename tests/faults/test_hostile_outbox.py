"""A hostile trainer writes what it likes beside its answer; the ledger says what became of it.

The ways through a bundle that is what was asked for are in tests/unit/site/test_inspecting.py;
here are those around it: files, links, headers, replies, lines of a log, words of an exception.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Refusal
from modelward.errors import TrainingFailed
from modelward.site.answering.answer import Computed
from modelward.site.hospital import Hospital
from modelward.site.isolation.snapshot import CohortFacts
from modelward.site.rooms.direct import DirectTrainer
from modelward.site.rooms.trainer_line import Line
from modelward.site.rooms.workroom import OFFER, Workroom
from tests.outbox import MARK, Act, proper, scripted_line, with_header
from tests.sites import clock, make_site, newton

METADATA = '{"__metadata__":{"mrn":"MARK"},'.replace("MARK", MARK)
TWICE = '{"known":{"mrn":"MARK"},'.replace("MARK", MARK)
TASK = Task(study=newton().sha256, round_no=0, kind="statistics")


class Scripted(Workroom):
    """A workroom whose trainer does what a test says."""

    act: Act
    reply: bytes

    @override
    def _start(self) -> Line:
        return scripted_line(lambda: self.act(self._room / "outbox"), self.reply)


class Hostile(DirectTrainer):
    """Computes nothing: it writes into its outbox, and replies."""

    def __init__(self, folder: Path, act: Act, reply: bytes) -> None:
        super().__init__(folder, "cleveland")
        self._act, self._reply = act, reply

    @override
    def compute(
        self, task: Task, study: Study, models: Store, booked: Any = None, kept: Any = None
    ) -> Computed:
        facts: CohortFacts = self.facts(study)
        room = Scripted(self._folder, "cleveland", study, facts, "none")
        room.act, room.reply = self._act, self._reply
        try:
            return room.compute(task, models)
        finally:
            room.close()


def asked(folder: Path, act: Act, reply: bytes = b'{"offered": true}\n') -> dict[str, Any]:
    """Return the last entry of the ledger of a site with such a trainer."""
    site = make_site(folder / "cleveland", 1)
    hospital = Hospital(site, "cleveland", clock=clock, trainer=Hostile(site, act, reply))
    hospital.join(newton())
    said = ""
    try:
        assert isinstance(hospital.answer(TASK, Store(site / "models")), Refusal)
    except TrainingFailed as error:
        said = error.explain()
    entries = [dict(entry) for entry in hospital.ledger]
    hospital.close()
    assert MARK not in said
    return entries[-1]


def write(content: bytes) -> Act:
    return lambda outbox: (outbox / OFFER).write_bytes(content)


def linked(outbox: Path) -> None:
    (outbox / "real").write_bytes(proper())
    (outbox / OFFER).symlink_to(outbox / "real")


def hard_linked(outbox: Path) -> None:
    data = outbox.parents[2] / "data.csv"  # what a trainer without namespaces could reach
    os.link(data, outbox / OFFER)


FILES: dict[str, Act] = {
    "free text in the header": write(with_header(lambda text: text.replace("{", METADATA, 1))),
    "a padded header": write(with_header(lambda text: text + " " * 4096)),
    "a record for padding": write(with_header(lambda text: text + f"{MARK:<4096}")),
    "a name twice": write(with_header(lambda text: text.replace("{", TWICE, 1))),
    "a name of its own": write(proper().replace(b'"known"', b'"knowm"', 1)),
    "a name of a file": lambda outbox: (outbox / f"{MARK}.safetensors").write_bytes(proper()),
    "a name of a folder": lambda outbox: (outbox / MARK / OFFER).parent.mkdir(),
    "bytes after the end": write(proper() + MARK.encode()),
    "a pickle": write((b"\x80\x04cos\nsystem\n." + bytes(len(proper())))[: len(proper())]),
    "a link": linked,
    "another name of the data": hard_linked,
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("way", FILES)
def test_what_lies_around_an_answer_is_refused_by_name_and_left_behind(tmp_path, way):
    entry = asked(tmp_path, FILES[way])

    assert entry["kind"] == "refusal"
    assert {finding["rule"] for finding in entry["findings"]} == {"schema"}
    assert MARK not in str(entry)
    site = tmp_path / "cleveland"
    assert not list(site.glob("workroom/*/outbox/*")), "the outbox is emptied"
    assert not list(site.glob("outbox/*")), "nothing is kept to be sent"


REPLIES: dict[str, bytes] = {
    "the words of an exception": b'{"failed": "no creatinine for %s"}\n' % MARK.encode(),
    "a class of its own": b'{"failed": "Patient%sError"}\n' % MARK.encode(),
    "a line of a log": b"INFO loaded %s, born 1951-03-04\n" % MARK.encode(),
    "a line of a log before the reply": b'%s\n{"offered": true}\n' % MARK.encode(),
    "a field more": b'{"offered": true, "note": "%s"}\n' % MARK.encode(),
    "a number of patients": b'{"offered": true, "patients": 1000000}\n',
    "a very long line": b"x" * 100_000 + MARK.encode() + b"\n",
}


@pytest.mark.parametrize("way", REPLIES)
def test_what_a_trainer_says_goes_nowhere_and_the_ledger_has_that_it_failed(tmp_path, way):
    entry = asked(tmp_path, write(proper()), REPLIES[way])

    assert entry["kind"] == "failure"
    assert entry["asked"] == TASK.id
    assert [finding["rule"] for finding in entry["findings"]] == ["trainer"]
    where = [
        path
        for path in (tmp_path / "cleveland").rglob("*")
        if path.is_file() and MARK.encode() in path.read_bytes()
    ]
    assert where == [], "neither ledger nor outbox nor any other file has its words"


def test_a_failure_that_comes_again_is_recorded_once(tmp_path):
    site = make_site(tmp_path / "cleveland", 1)
    trainer = Hostile(site, write(proper()), b'{"failed": "x"}\n')
    hospital = Hospital(site, "cleveland", clock=clock, trainer=trainer)
    hospital.join(newton())
    for _ in range(3):
        with pytest.raises(TrainingFailed):
            hospital.answer(TASK, Store(site / "models"))
    kinds = [entry["kind"] for entry in hospital.ledger]
    hospital.close()

    assert kinds == ["failure"]
