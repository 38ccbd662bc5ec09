"""The inspector counts who has both of two yes/no values, by every pair of levels."""

from typing import Any

import numpy as np

from modelward.artifact.store import Store
from modelward.core.task import Task
from modelward.gate.policy import LANES, Leakage, Policy
from modelward.site.answering.inspection import fewest_in, fewest_together, persons_in
from modelward.site.hospital import Hospital
from modelward.site.rooms.direct import DirectTrainer
from modelward.site.rooms.inspecting import DirectInspector
from modelward.study.model import initial
from modelward.study.scaling import Scaling, frozen
from tests.sites import clock, make_site, newton

EIGHT = np.arange(8)
"""Eight units of as many persons."""


def codes(*levels: int) -> np.ndarray:
    return np.array(levels, np.int64)


def test_the_smallest_cell_of_any_two_features_is_found_and_empty_ones_are_none():
    smoker = codes(0, 0, 0, 0, 1, 1, 1, 1)
    stage = codes(0, 0, 2, 2, 2, 2, 2, 2)
    sick = codes(0, 1, 0, 1, 0, 1, 0, 1)

    assert fewest_together([smoker, stage], EIGHT) == 2
    assert fewest_together([smoker, sick], EIGHT) == 2
    assert fewest_together([smoker, stage, sick], EIGHT) == 1
    assert fewest_together([smoker], EIGHT) == 8
    assert fewest_together([], EIGHT) == 8


def test_many_units_of_one_person_are_one_person():
    owner = codes(0, 1, 2, 3, 4, 4, 4, 4)
    sick = codes(0, 0, 0, 0, 1, 1, 1, 1)
    smoker = codes(0, 0, 1, 1, 0, 0, 1, 1)

    assert fewest_in([sick], EIGHT) == 4
    assert fewest_in([sick], owner) == 1
    assert fewest_together([sick, smoker], owner) == 1
    assert persons_in(codes(0, 0, 2, 2, -1, 2, 2, 2), owner).tolist() == [2, 0, 3]


def test_who_is_not_known_is_in_no_cell():
    assert fewest_together([codes(0, 0, 1, 1, -1), codes(0, 0, 1, 1, 1)], np.arange(5)) == 2


def test_a_site_that_minds_pairs_refuses_a_regression_that_tells_of_a_few(tmp_path):
    entries: dict[int, dict[str, Any]] = {}
    for least in (1, 60):
        site = make_site(tmp_path / f"cleveland{least}", 1)
        trainer = DirectTrainer(site, "cleveland")
        policy = Policy(lanes=LANES, min_cell=1, min_pair=least)
        inspector = DirectInspector(trainer, Leakage())
        hospital = Hospital(
            site, "cleveland", policy=policy, clock=clock, trainer=trainer, inspector=inspector
        )
        hospital.join(newton())
        models = Store(site / "models")
        hospital.answer(Task(study=newton().sha256, round_no=0, kind="statistics"), models)
        model = initial(newton(), _scaling(hospital))
        digest, _ = models.put(model.tensors, model.schema)
        hospital.answer(
            Task(study=newton().sha256, round_no=1, kind="newton", model=digest), models
        )
        for each in hospital.ledger:
            entries[least] = dict(each)
        hospital.close()

    assert entries[1]["kind"] == "release", entries[1]
    assert entries[60]["kind"] == "refusal"
    assert "persons together, fewer than 60" in entries[60]["findings"][0]["says"]


def _scaling(hospital: Hospital) -> Scaling | None:
    released = next(dict(each) for each in hospital.ledger if each["kind"] == "release")
    return frozen(newton(), hospital.door.outbox.tensors(str(released["sha256"])))
