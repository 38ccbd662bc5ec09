"""By content: the same records make the same update at whichever site they are."""

from dataclasses import replace

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.core.task import Task
from modelward.learn.examples import Examples
from modelward.readers.cohort import Cohort
from modelward.site.answering.answer import compute
from modelward.site.answering.by_content import ordered
from modelward.study.model import initial
from modelward.study.own import update_schema
from modelward.study.scaling import Scaling
from tests.federations import cohort, toy

AGREED = '[sharing]\nrule = "contribution"\n'
HELD = cohort(50, 3)


def update(study: Study, held: Cohort, site: str) -> np.ndarray:
    plain = Scaling(center=np.zeros(2), spread=np.ones(2), fill=np.zeros(2))
    task = Task(study=study.sha256, round_no=2, kind="train", model="0" * 64)
    found = compute(task, study, initial(study, plain), held, site)
    return update_schema(study).join(found.tensors)


def turned(held: Cohort) -> Cohort:
    order = np.random.default_rng(1).permutation(len(held.y))
    return Cohort(x=held.x[order], y=held.y[order], folds=held.folds[order])


@pytest.mark.parametrize(
    "swap",
    [("lr = 0.5", "lr = 0.1"), ('"logistic"\noptions = { l2 = 0.0 }', '"mlp"')],
    ids=["logistic", "mlp"],
)
def test_the_same_records_in_another_order_at_another_site_give_the_same_bits(swap):
    agreed, plain = toy(swap, more=AGREED), toy(swap)

    np.testing.assert_array_equal(
        update(agreed, HELD, "north"), update(agreed, turned(HELD), "south")
    )
    assert (update(plain, HELD, "north") != update(plain, HELD, "south")).any()


def test_one_other_record_is_other_batches():
    study = toy(more=AGREED)
    x = HELD.x.copy()
    x[7, 0] += 1e-9

    mine, other = update(study, HELD, "north"), update(study, replace(HELD, x=x), "north")

    assert np.abs(mine - other).max() > 1e-4  # the record itself moves it by about 1e-9


def test_outcomes_are_part_of_a_record():
    training = Examples(x=np.zeros((2, 1)), y=np.array([0, 1], np.int8), patients=2)
    both = toy(more=AGREED)

    named = ordered(both, training, "north")[1]
    again = ordered(both, replace(training, y=np.array([1, 1], np.int8)), "north")[1]

    assert named != again


def test_without_the_rule_nothing_is_renamed():
    training = Examples(x=np.zeros((2, 1)), y=np.array([0, 1], np.int8), patients=2)

    assert ordered(toy(), training, "north") == (training, "north")
    shared = toy(more='[sharing]\nrule = "patients"\n')
    assert ordered(shared, training, "north") == (training, "north")
