"""The door decides once; what it decided is recorded before anything leaves."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelward.artifact import card
from modelward.artifact.store import Store
from modelward.core.canonical import Json
from modelward.core.task import Task
from modelward.core.tensors import Schema, TensorSpec
from modelward.core.verdict import Finding, Refusal, Release
from modelward.errors import StorageError
from modelward.gate.door import Door
from modelward.gate.hold import Holding
from modelward.gate.offer import Offer, all_of
from modelward.ledger.log import Ledger
from modelward.ledger.verify import verify
from tests.disks import largest_file
from tests.ledgers import KEY, PRIVATE, open_ledger

TASK = Task(study="a" * 64, round_no=2, kind="train", model="b" * 64)
SCHEMA = Schema.of(TensorSpec("w", "F32", (3,)))
FREE = all_of()
FINDING = Finding(rule="norm", says="too long by 3 at bed 7", remedy="clip it")


class Ward:
    """A door whose trainer counts how often it is asked."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.door = Door("cleveland", PRIVATE, Store(folder / "outbox"), ledger)
        self.asked = 0

    def offer(self) -> Offer:
        self.asked += 1
        values = np.array([0.5, -0.25, self.asked], np.float32)  # another one each time
        return Offer(
            task=TASK, kind="update", tensors={"w": values}, patients=30, schema=SCHEMA
        )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger") as opened:
        yield opened


@pytest.fixture
def ward(tmp_path: Path, ledger: Ledger) -> Ward:
    return Ward(tmp_path, ledger)


def test_a_release_is_signed_stored_and_recorded(ward, ledger, tmp_path):
    answer = ward.door.decide(TASK, ward.offer, FREE)

    assert isinstance(answer, Release)
    found = answer.artifact.card
    card.verify(found, PRIVATE.public_key())
    assert (found.kind, found.patients, found.site) == ("update", 30, "cleveland")
    assert (found.study, found.round_no, found.task) == (TASK.study, 2, TASK.id)
    assert found.parent == TASK.model
    assert answer.artifact.tensors["w"].tolist() == [0.5, -0.25, 1]
    (entry,) = ledger
    assert entry == {
        "seq": 0, "time": "2026-11-20T09:30:00Z", "salt": entry["salt"],
        "study": TASK.study, "round": 2, "task": TASK.id, "kind": "release",
        "artifact": "update", "sha256": found.sha256, "bytes": found.nbytes,
        "patients": 30, "privacy": {"mechanism": "none"},
    }  # fmt: skip
    assert verify(tmp_path / "ledger", KEY.text).entries == 1


def test_the_same_task_brings_the_same_bytes_and_no_second_look(ward, ledger):
    first = ward.door.decide(TASK, ward.offer, FREE)
    again = ward.door.decide(TASK, ward.offer, FREE)

    assert isinstance(first, Release)
    assert isinstance(again, Release)
    assert again.artifact.card == first.artifact.card
    assert ward.asked == 1
    assert ledger.size == 1


def test_a_refusal_is_recorded_with_its_findings_and_told_without(ward, ledger):
    answer = ward.door.decide(TASK, ward.offer, lambda _: (FINDING,))

    assert answer == Refusal("cleveland", TASK.id)
    (entry,) = ledger
    assert entry["kind"] == "refusal"
    assert entry["findings"] == [
        {"rule": "norm", "says": "too long by 3 at bed 7", "remedy": "clip it"}
    ]
    assert not list(ward.door.outbox.folder.iterdir()), "what is refused is not kept"


def test_a_refusal_stays_a_refusal_when_the_rules_change(ward, ledger):
    ward.door.decide(TASK, ward.offer, lambda _: (FINDING,))

    assert ward.door.decide(TASK, ward.offer, FREE) == Refusal("cleveland", TASK.id)
    assert (ward.asked, ledger.size) == (1, 1)


def test_the_decision_outlives_the_process(tmp_path):
    with open_ledger(tmp_path / "ledger") as ledger:
        first = Ward(tmp_path, ledger).door.decide(TASK, Ward(tmp_path, ledger).offer, FREE)
    with open_ledger(tmp_path / "ledger") as ledger:
        ward = Ward(tmp_path, ledger)
        again = ward.door.decide(TASK, ward.offer, FREE)

    assert isinstance(first, Release)
    assert isinstance(again, Release)
    assert again.artifact.card == first.artifact.card
    assert ward.asked == 0


def test_what_was_stored_and_never_recorded_was_never_released(ward, ledger, tmp_path):
    entries = tmp_path / "ledger" / "entries.jsonl"
    with largest_file(entries.stat().st_size + 300), pytest.raises(StorageError):
        ward.door.decide(TASK, ward.offer, FREE)
    assert ledger.size == 0
    assert ward.door.decided(TASK) is None

    answer = ward.door.decide(TASK, ward.offer, FREE)

    assert isinstance(answer, Release)
    assert (ward.asked, ledger.size) == (2, 1)
    assert answer.artifact.tensors["w"][2] == 2


def test_another_task_is_another_decision(ward, ledger):
    other = Task(study=TASK.study, round_no=3, kind="train", model=TASK.model)
    ward.door.decide(TASK, ward.offer, FREE)
    ward.door.decide(other, ward.offer, FREE)

    assert [entry["round"] for entry in ledger] == [2, 3]
    assert ward.door.decided(TASK) is not None


def test_the_tensors_leave_in_the_one_canonical_spelling(ward):
    def awkward() -> Offer:
        values = np.zeros((3, 2), np.float32)[:, 0]  # strided, as a trainer may hand it in
        values[:] = [0.5, -0.25, 1]
        return Offer(
            task=TASK, kind="update", tensors={"w": values}, patients=30, schema=SCHEMA
        )

    answer = ward.door.decide(TASK, awkward, FREE)

    assert isinstance(answer, Release)
    raw = ward.door.outbox.path(answer.artifact.card.sha256).read_bytes()
    header = b'{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}'
    assert raw == (
        len(header + b" ").to_bytes(8, "little")
        + header
        + b" "
        + np.array([0.5, -0.25, 1], "<f4").tobytes()
    )


def test_a_stored_artifact_that_was_lost_is_an_error_and_not_a_second_release(ward):
    answer = ward.door.decide(TASK, ward.offer, FREE)
    assert isinstance(answer, Release)
    ward.door.outbox.path(answer.artifact.card.sha256).unlink()

    with pytest.raises(StorageError, match="cannot be read"):
        ward.door.decide(TASK, ward.offer, FREE)
    assert ward.asked == 1


def test_what_a_person_must_see_first_does_not_leave_behind_a_mask(ledger, tmp_path):
    ward = Ward(tmp_path, ledger)
    holding = Holding(tmp_path / "held", frozenset({"update"}), "Dr Ada Byron")
    ward.door = Door("cleveland", PRIVATE, Store(tmp_path / "outbox"), ledger, holding)

    answer = ward.door.decide(TASK, ward.offer, FREE, lambda offer: offer)

    assert isinstance(answer, Refusal)
    (entry,) = ledger
    assert entry["kind"] == "refusal"
    assert [each["rule"] for each in entry["findings"]] == ["hold"]
    assert not (tmp_path / "held").exists()


def test_a_rule_that_breaks_lets_nothing_out(ward, ledger, tmp_path):
    def broken(_: Offer) -> tuple[Finding, ...]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ward.door.decide(TASK, ward.offer, broken)

    assert list(ledger) == []
    assert not list((tmp_path / "outbox").iterdir())
    assert ward.door.decided(TASK) is None


class Full:
    """A ledger on a full disk."""

    def append(self, fields: Mapping[str, Json], /) -> Mapping[str, Json]:
        raise StorageError(f"no room for {len(fields)} fields", why="full", remedy="free space")

    def find(self, task: str) -> Mapping[str, Json] | None:
        assert task
        return None


def test_what_cannot_be_recorded_is_no_answer(ward):
    ward.door = replace(ward.door, ledger=Full())

    for rules in (FREE, lambda _: (FINDING,)):
        with pytest.raises(StorageError, match="no room"):
            ward.door.decide(TASK, ward.offer, rules)
