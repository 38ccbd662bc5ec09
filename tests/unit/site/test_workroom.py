"""Whatever lies in the outbox, only the exact bundle that was asked for is looked at."""

import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from typing_extensions import override

from modelward.artifact import bundle
from modelward.artifact.store import Store
from modelward.core.task import Task
from modelward.errors import StorageError, TrainingFailed
from modelward.readers.open import open_cohort
from modelward.site.answering.answer import Computed, compute
from modelward.site.isolation.snapshot import CohortFacts, write_snapshot
from modelward.site.rooms.trainer_line import LONGEST_REPLY, Line
from modelward.site.rooms.workroom import OFFER, Workroom
from modelward.study.answers import answer_to
from modelward.study.model import initial
from modelward.study.read import parse
from modelward.study.scaling import Scaling
from tests.outbox import Act, proper, scripted_line, with_header
from tests.sites import FEDAVG, make_site, newton

STATISTICS = Task(study=newton().sha256, round_no=0, kind="statistics")
SCHEMA = answer_to(newton(), "statistics")[1]


def prepared(tmp_path: Path) -> tuple[Path, CohortFacts]:
    site = make_site(tmp_path / "a", 1)
    cohort = open_cohort(site / "dataset.toml", newton())
    return site, write_snapshot(cohort, newton(), site, bytes(32))


class Scripted(Workroom):
    """A workroom whose trainer is a hostile one: `offers` does what it likes in the outbox."""

    def script(self, offers: Act, reply: bytes = b'{"offered": true}\n') -> Self:
        self._line = scripted_line(lambda: offers(self._room / "outbox"), reply)
        return self


class Alone(Scripted):
    """The same, where no other trainer can be started."""

    @override
    def _start(self) -> Line:
        raise OSError("no other trainer")


def hostile(tmp_path: Path, offers: Act, reply: bytes = b'{"offered": true}\n') -> Computed:
    site, facts = prepared(tmp_path)
    room = Scripted(site, "a", newton(), facts, "none").script(offers, reply)
    try:
        return room.compute(STATISTICS, Store(tmp_path / "models"))
    finally:
        room.close()


def test_a_proper_offer_is_taken_and_removed(tmp_path):
    found = hostile(tmp_path, lambda outbox: (outbox / OFFER).write_bytes(proper()))

    assert set(found.tensors) == {"units", "known", "total", "square"}
    assert list((tmp_path / "a/workroom").glob("*/outbox/*")) == []


def test_how_many_patients_there_are_is_the_extractors_word(tmp_path):
    reply = b'{"offered": true, "patients": 1000000}\n'
    with pytest.raises(TrainingFailed):
        hostile(tmp_path, lambda outbox: (outbox / OFFER).write_bytes(proper()), reply=reply)


def test_the_count_is_that_of_the_cohort(tmp_path):
    found = hostile(tmp_path, lambda outbox: (outbox / OFFER).write_bytes(proper()))
    cohort = open_cohort(tmp_path / "a/dataset.toml", newton())

    assert found.patients == cohort.count("train") > 60


def linked(outbox: Path) -> None:
    (outbox / "real").write_bytes(proper())
    (outbox / OFFER).symlink_to(outbox / "real")


OFFERS: dict[str, Act] = {
    "nothing": lambda _: None,
    "too short": lambda outbox: (outbox / OFFER).write_bytes(proper()[:-1]),
    "too long": lambda outbox: (outbox / OFFER).write_bytes(proper() + b"x"),
    "metadata": lambda outbox: (outbox / OFFER).write_bytes(
        proper().replace(b'{"known"', b'{"knowm"', 1)
    ),
    "pickle": lambda outbox: (outbox / OFFER).write_bytes(
        (b"\x80\x04cos\nsystem\n." + bytes(len(proper())))[: len(proper())]
    ),
    "free text in the header": lambda outbox: (outbox / OFFER).write_bytes(
        with_header(lambda text: text.replace("{", '{"__metadata__":{"mrn":"4711"},', 1))
    ),
    "a name twice": lambda outbox: (outbox / OFFER).write_bytes(
        with_header(lambda text: text.replace("{", '{"known":{"dtype":"F64"},', 1))
    ),
    "a padded header": lambda outbox: (outbox / OFFER).write_bytes(
        with_header(lambda text: text + "\t" * 16)
    ),
    "a link": linked,
    "a folder": lambda outbox: (outbox / OFFER).mkdir(),
    "a pipe": lambda outbox: os.mkfifo(outbox / OFFER),
    "a device": lambda outbox: (outbox / OFFER).symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("name", sorted(OFFERS))
def test_an_offer_of_anything_else_is_an_offer_of_nothing(tmp_path, name):
    assert hostile(tmp_path, OFFERS[name]).tensors == {}


@pytest.mark.parametrize(
    "reply",
    [
        b"\n",
        b"[]\n",
        b"true\n",
        b'{"offered": 1}\n',
        b'{"offered": "os.system"}\n',
        b"[" * 4000 + b"\n",
        b"x" * (LONGEST_REPLY * 2),
        b'{"failed": "' + b"x" * 1000 + b'"}\n',
        b"\xff\xfe\n",
    ],
)
def test_a_reply_of_another_form_is_a_failure(tmp_path, reply):
    site, facts = prepared(tmp_path)
    room = Alone(site, "a", newton(), facts, "none")
    room.script(lambda outbox: (outbox / OFFER).write_bytes(proper()), reply)

    with pytest.raises(TrainingFailed) as caught:
        room.compute(STATISTICS, Store(tmp_path / "models"))

    assert len(caught.value.what) < 200


def test_a_model_that_is_not_there_is_a_fault_of_the_wire_not_of_the_trainer(tmp_path):
    site, facts = prepared(tmp_path)
    room = Workroom(site, "a", newton(), facts, "none")
    task = Task(study=newton().sha256, round_no=1, kind="newton", model="ab" * 32)

    with pytest.raises(StorageError):
        room.compute(task, Store(tmp_path / "models"))


@pytest.mark.slow
def test_only_the_model_of_the_task_lies_in_the_room(tmp_path):
    site, facts = prepared(tmp_path)
    room, models = Workroom(site, "a", newton(), facts, "none"), Store(tmp_path / "models")
    fill = np.array([60.0, 1.0, 0.3])
    first = initial(newton(), Scaling(center=fill, spread=np.ones(3), fill=fill))
    names = []
    try:
        for shift in (0.0, 1.0):
            first.parameters[0] = shift
            digest, _ = models.put(first.tensors, first.schema)
            task = Task(study=newton().sha256, round_no=1, kind="newton", model=digest)
            room.compute(task, models)
            names.append([path.stem for path in (room._room / "models").iterdir()])
    finally:
        room.close()

    assert len(names[0]) == len(names[1]) == 1
    assert names[0] != names[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        '{"task": {"study": "x", "round_no": 1, "kind": "train", "model": null, "code": "1"}}',
        '{"cohort": "../../etc/passwd", "site": "a", "task": {}}',
        '{"recipe": "os.system", "cohort": "x", "site": "a", "task": {}}',
        "cos\\nsystem\\n(S'id'\\ntR.",
        "[" * 100000,
    ],
)
def test_a_line_that_is_no_task_ends_the_trainer_without_a_result(tmp_path, line):
    """The trainer trusts its gatekeeper; what it must not do is run what a line names."""
    site, facts = prepared(tmp_path)
    room = Workroom(site, "a", newton(), facts, "none")
    try:
        room.compute(STATISTICS, Store(tmp_path / "models"))
        process = room._line._process  # type: ignore[union-attr]
        process.stdin.write(line.encode() + b"\n")  # type: ignore[union-attr]
        said = process.stdout.readline()  # type: ignore[union-attr]
    finally:
        room.close()

    assert said in {b"", b'{"failed": "DataError"}\n'}
    assert list((site / "workroom").glob("*/outbox/*")) == []


@pytest.mark.slow
def test_a_trainer_that_systemd_starts_gives_the_same_bits(tmp_path):
    """The socket of packaging/systemd, played by a loop that starts a unit per connection."""
    site, facts = prepared(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(site / "trainer.sock"))
        listener.listen()
        units: list[subprocess.Popen[bytes]] = []

        def accept() -> None:
            connection, _ = listener.accept()
            with connection, (tmp_path / "unit.log").open("wb") as log:
                command = [
                    sys.executable,
                    "-m",
                    "modelward.site.rooms.trainer",
                    "unit",
                    str(site),
                ]
                units.append(
                    subprocess.Popen(
                        command,
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=log,
                    )
                )

        manager = threading.Thread(target=accept)
        manager.start()
        unit = Workroom(site, "a", newton(), facts, "systemd")
        child = Workroom(site, "a", newton(), facts, "none")
        try:
            ours = unit.compute(STATISTICS, Store(tmp_path / "models"))
            theirs = child.compute(STATISTICS, Store(tmp_path / "models"))
        finally:
            manager.join(10)
            unit.close()
            child.close()
    for each in units:
        each.wait(10)

    assert ours.tensors
    assert bundle.to_bytes(ours.tensors, SCHEMA) == bundle.to_bytes(theirs.tensors, SCHEMA)


@pytest.mark.slow
def test_what_a_site_keeps_goes_in_and_out_of_the_trainer_as_in_one_process(tmp_path):
    study = parse(FEDAVG.replace('strategy = "fedavg"', 'strategy = "scaffold"'))
    site = make_site(tmp_path / "a", 1)
    cohort = open_cohort(site / "dataset.toml", study)
    facts, models = write_snapshot(cohort, study, site, bytes(32)), Store(tmp_path / "models")
    fill = np.array([60.0, 1.0, 0.3])
    start = initial(study, Scaling(center=fill, spread=np.ones(3), fill=fill))
    digest, _ = models.put(start.tensors, start.schema)
    task = Task(study=study.sha256, round_no=2, kind="train", model=digest)
    kept = {"control": np.array([0.1, -0.2, 0.3, 0.0], np.float32)}
    expected = compute(task, study, replace(start, kept=kept), cohort, "a")

    room = Workroom(site, "a", study, facts, "none")
    try:
        found = room.compute(task, models, None, kept)
    finally:
        room.close()

    assert bundle.to_bytes(found.tensors) == bundle.to_bytes(expected.tensors)
    assert bundle.to_bytes(found.kept) == bundle.to_bytes(expected.kept)


@pytest.mark.exhaustive
@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="there is a GPU")
def test_a_gpu_that_the_policy_names_and_is_not_there_fails_the_task_and_the_log_says_why(
    tmp_path,
):
    site, facts = prepared(tmp_path)
    room = Workroom(site, "a", newton(), facts, "none", "cuda")

    with pytest.raises(TrainingFailed, match="it reported MissingExtra"):
        room.compute(STATISTICS, Store(tmp_path / "models"))
    room.close()

    assert "torch sees no GPU here" in (site / "trainer.log").read_text()
