"""Who was tested on once is never trained on later."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.study import Plan
from modelward.readers.cohort import FOLDS, Cohort, assign_folds

PLAN = Plan(test=0.25, validation=0.15)


def test_shares_are_those_of_the_plan():
    folds = assign_folds([f"p{n}" for n in range(20_000)], None, PLAN)

    shares = [float(np.mean(folds == fold)) for fold in FOLDS.values()]
    assert shares == pytest.approx([0.6, 0.15, 0.25], abs=0.012)  # four standard errors


def test_the_folds_of_six_patients_are_pinned():
    # `printf 'modelward-fold/1\np0' | sha256sum`, first 14 digits over 16^14:
    # 0.091, 0.560, 0.674, 0.889, 0.084, 0.602; below 0.25 is test, below 0.40 validation
    folds = assign_folds(["p0", "p1", "p2", "p3", "p4", "p5"], None, PLAN)

    assert folds.tolist() == [2, 0, 0, 0, 2, 0]


@given(
    st.lists(st.text("abc123", min_size=1), unique=True, max_size=20),
    st.lists(st.text("xyz", min_size=1), unique=True, max_size=20),
)
def test_folds_stay_when_patients_are_added_before_and_after(known, added):
    before = dict(zip(known, assign_folds(known, None, PLAN), strict=True))
    together = [*added, *known]

    after = dict(zip(together, assign_folds(together, None, PLAN), strict=True))

    assert all(after[patient] == fold for patient, fold in before.items())


def test_folds_that_the_data_name_are_kept_and_validation_is_taken_from_training():
    given = np.array([0] * 500 + [2] * 100, np.int8)
    ids = [str(n) for n in range(600)]

    folds = assign_folds(ids, given, PLAN)

    assert (folds[500:] == 2).all()
    assert np.mean(folds[:500] == 1) == pytest.approx(0.15, abs=0.06)
    assert not (folds[:500] == 2).any()
    assert given[:500].max() == 0, "the data's own folds are not written to"


def test_validation_that_the_data_name_is_all_there_is():
    given = np.array([0, 1, 0, 2], np.int8)

    assert assign_folds(list("abcd"), given, PLAN).tolist() == [0, 1, 0, 2]


def test_a_cohort_hands_out_folds_in_the_order_of_the_file():
    cohort = Cohort(
        x=np.arange(4.0)[:, None],
        y=np.array([0, 1, 1, 0], np.int8),
        folds=np.array([0, 2, 0, 1], np.int8),
    )

    x, y = cohort.fold("train")

    assert (x.tolist(), y.tolist()) == ([[0.0], [2.0]], [0, 1])
    assert [cohort.count(fold) for fold in ("train", "validation", "test")] == [2, 1, 1]
