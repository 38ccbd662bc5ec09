"""What a site keeps of its own: the newest that was released, whole, and never from nothing."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from modelward.core.task import Task
from modelward.errors import StorageError
from modelward.site.keeping.kept import Kept
from modelward.study.own import kept_schema
from tests.federations import toy

STUDY = toy(("[plan]", '[plan]\nstrategy = "scaffold"'))
HEADS = toy(more='[plan.personal]\nkind = "head"\n')


class Decided:
    """A ledger of who decided what: task id -> kind of its last entry."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self._rounds = {task(number).id: number for number in range(1, 20)}

    def find(self, task: str) -> dict[str, Any] | None:
        return {"kind": self.kinds[task]} if task in self.kinds else None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for decided, kind in self.kinds.items():
            yield {"kind": kind, "study": STUDY.sha256, "artifact": "update",
                   "round": self._rounds[decided], "task": decided}  # fmt: skip


def task(round_no: int, kind: str = "train") -> Task:
    return Task(study=STUDY.sha256, round_no=round_no, kind=kind, model=f"{round_no:064d}")  # type: ignore[arg-type]


def control(value: float) -> dict[str, np.ndarray]:
    return {"control": np.full(3, value, np.float32)}


@pytest.fixture
def place(tmp_path):
    ledger = Decided()
    return Kept(tmp_path / "kept", ledger), ledger, tmp_path / "kept" / STUDY.sha256


def test_a_site_starts_with_nothing(place):
    kept, _, _ = place

    assert kept.before(STUDY, task(1)) == {}


def test_it_goes_on_from_the_newest_round_that_was_released(place):
    kept, ledger, _ = place
    for number, word in ((1, "release"), (2, "release"), (3, "refusal")):
        kept.put(STUDY, task(number), control(number))
        assert kept.before(STUDY, task(number)).get("control", [0])[0] == number - 1
        ledger.kinds[task(number).id] = word

    assert kept.before(STUDY, task(3))["control"][0] == 2
    assert kept.before(STUDY, task(4))["control"][0] == 2, "round 3 was refused: nobody has it"
    assert kept.before(STUDY, task(2, "evaluate"))["control"][0] == 2


def test_what_was_computed_and_not_decided_does_not_count(place):
    kept, ledger, _ = place
    kept.put(STUDY, task(1), control(1))

    assert kept.before(STUDY, task(2)) == {}
    ledger.kinds[task(1).id] = "hold"
    assert kept.before(STUDY, task(2)) == {}
    ledger.kinds[task(1).id] = "release"
    assert kept.before(STUDY, task(2))["control"][0] == 1


def test_old_controls_go_and_own_layers_stay(tmp_path):
    for study, left in ((STUDY, 2), (HEADS, 6)):
        ledger = Decided()
        kept = Kept(tmp_path / "kept", ledger)
        schema = kept_schema(study)
        assert schema is not None
        zeros = {spec.name: np.zeros(spec.shape, np.float32) for spec in schema}
        for number in range(1, 7):
            kept.put(study, task(number), zeros)
            ledger.kinds[task(number).id] = "release"

        assert len(list((tmp_path / "kept" / study.sha256).iterdir())) == left


def test_a_lost_file_is_an_error_and_no_fresh_start(place):
    kept, ledger, folder = place
    kept.put(STUDY, task(1), control(1))
    ledger.kinds[task(1).id] = "release"
    for path in folder.iterdir():
        path.unlink()

    with pytest.raises(StorageError, match="what this site kept"):
        kept.before(STUDY, task(2))
