"""What leaves under a bound: noised, once per patient, and other noise for other questions.

Planted faults that these tests find: no noise, rows counted as patients, noise used twice.
"""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.core.columns import summed_columns
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.privacy.accounting import Event
from modelward.privacy.mechanism import sensitivity
from modelward.privacy.plan import plan_of
from modelward.readers.cohort import Cohort
from modelward.site.answering import private_answer
from modelward.site.answering.answer import compute
from modelward.site.budget.spending import Booked
from modelward.study.model import initial
from modelward.study.scaling import frozen
from tests.private_studies import NOISED, WATCHED, private_study

ADJUSTED = NOISED.replace("lr = 0.5", 'lr = 0.5\nlabel_skew = "logit-adjustment"')


def cohort(rows: int = 60, *, of_last: int = 1, fold: int = 0) -> Cohort:
    """Return invented rows in one fold; the last patient has `of_last` equal ones."""
    draw = np.random.default_rng(3)
    x = np.column_stack([draw.uniform(20, 90, rows), draw.integers(0, 2, (rows, 3))])
    y = (x[:, 0] + 20 * draw.normal(size=rows) > 55).astype(np.int8)
    repeat = np.repeat(np.arange(rows), [1] * (rows - 1) + [of_last])
    return Cohort(
        x=x[repeat],
        y=y[repeat],
        folds=np.full(len(repeat), fold, np.int8),
        ids=tuple(f"p{number}" for number in repeat),
        owner=repeat.astype(np.int64),
    )


def without_last(whole: Cohort) -> Cohort:
    """Return the cohort without its last patient."""
    assert whole.owner is not None
    kept = whole.owner != whole.owner.max()
    return Cohort(
        x=whole.x[kept], y=whole.y[kept], folds=whole.folds[kept], owner=whole.owner[kept]
    )


def booked(study: Study, kind: str, key: int = 1) -> Booked:
    plan = plan_of(study)
    event = plan.of(kind)  # type: ignore[arg-type]
    return Booked(event=event, statistics=plan.statistics, key=bytes([key]) * 32, card={})


def task(study: Study, kind: str, round_no: int = 1) -> Task:
    model = None if kind == "statistics" else "ab" * 32
    return Task(study=study.sha256, round_no=round_no, kind=kind, model=model)  # type: ignore[arg-type]


def answer(
    study: Study, kind: str, people: Cohort, *, key: int = 1, round_no: int = 1
) -> NDArray[np.float64]:
    """Return every number of an answer, in one vector."""
    start = initial(study, frozen(study, dict.fromkeys(("known", "total", "square"), ONES)))
    model = None if kind == "statistics" else start
    asked, allowed = task(study, kind, round_no), booked(study, kind, key)
    found = compute(asked, study, model, people, "north", allowed)
    return np.concatenate([found.tensors[name].reshape(-1) for name in sorted(found.tensors)])


ONES = np.ones(4)
KINDS = {"statistics": NOISED, "train": WATCHED, "evaluate": WATCHED}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "text"), KINDS.items())
def test_every_answer_is_noised_under_the_sites_key_and_repeats_bit_for_bit(kind, text):
    study, people = private_study(text), cohort(fold=1 if kind == "evaluate" else 0)

    found = answer(study, kind, people)

    assert found.tobytes() == answer(study, kind, people).tobytes()
    assert found.tobytes() != answer(study, kind, people, key=2).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["train", "evaluate"])
def test_noise_is_never_used_for_two_rounds(kind):
    study, people = private_study(WATCHED), cohort(fold=1 if kind == "evaluate" else 0)

    difference = answer(study, kind, people) - answer(study, kind, people, round_no=2)

    assert np.abs(difference).max() > 1e-6


@pytest.mark.slow
def test_the_noise_has_the_size_that_was_booked():
    study, people = private_study(WATCHED), cohort(fold=1)
    draws = np.stack([answer(study, "evaluate", people, key=key) for key in range(1, 60)])

    event = plan_of(study).metrics

    assert event is not None
    spread = (draws - draws.mean(axis=0)).std()
    assert spread == pytest.approx(event.noise, rel=0.08)  # 1,888 values: 5 deviations
    assert draws.mean(axis=0).sum() == pytest.approx(60, abs=5 * event.noise * (32 / 59) ** 0.5)


@pytest.mark.parametrize("rows", [1, 40])
def test_one_patient_moves_noised_sums_by_no_more_than_was_booked(rows):
    study = private_study(ADJUSTED)
    whole = cohort(of_last=rows)
    columns = 3 * len(summed_columns(study)) + 1
    event = Event(1.0, 2.0, 1)

    with_, without = (
        private_answer._noised_sums(study, each, event, bytes(32))
        for each in (whole, without_last(whole))
    )

    bound = sensitivity(columns, private_answer.BITS) * 2.0**-private_answer.BITS
    assert 0.5 < np.linalg.norm(with_ - without) <= bound


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 40])
def test_one_patient_moves_noised_counts_by_at_most_one(rows):
    study = private_study(WATCHED)
    whole = cohort(of_last=rows, fold=1)

    with_ = answer(study, "evaluate", whole)
    without = answer(study, "evaluate", without_last(whole))

    assert 0.5 < np.abs(with_ - without).sum() <= 1.0


@pytest.mark.slow
def test_sums_come_back_around_the_true_ones():
    study, people = private_study(NOISED), cohort(4000)
    event = plan_of(study).statistics
    found = private_answer.statistics(study, people, booked(study, "statistics"))

    assert event is not None
    deviation = event.noise * 12**0.5
    assert found["units"] == 4000
    assert np.abs(found["known"] - 4000).max() < 5 * deviation
    assert np.abs(found["known"] - 4000).max() > 0


@pytest.mark.slow
def test_the_share_of_positives_is_noised_and_the_same_in_every_round():
    study, people = private_study(ADJUSTED), cohort(4000)
    event = plan_of(study).statistics
    assert event is not None
    shares = [
        private_answer._noised_share(study, people, event, bytes([n]) * 32) for n in (1, 2)
    ]

    share = people.y.mean()

    assert shares[0] != shares[1]
    assert shares[0] == private_answer._noised_share(study, people, event, bytes([1]) * 32)
    odds = [private_answer._odds(each) for each in shares]
    assert odds == pytest.approx([np.log(share / (1 - share))] * 2, abs=0.3)


def test_noised_shares_weigh_both_outcomes_alike_within_a_bound():
    assert private_answer._weights(0.2) == pytest.approx((0.625, 2.5))
    assert private_answer._weights(1e-9) == pytest.approx((0.5 / 0.99, 50.0))


def test_a_private_study_without_a_booking_computes_nothing():
    study = private_study()
    start = initial(study, frozen(study, {}))
    found = compute(task(study, "train"), study, start, cohort(), "north")

    assert found.patients == 0
    assert not any(values.any() for values in found.tensors.values())


def test_ranges_scale_without_any_look_at_patients():
    study = private_study()
    scaling = frozen(study, {})

    assert scaling is not None
    assert scaling.apply(np.array([[0.0, 0, 0, 0], [110.0, 1, 1, 1]])).tolist() == [
        [-1.0] * 4,
        [1.0] * 4,
    ]
    assert scaling.apply(np.full((1, 4), np.nan)).tolist() == [[0.0] * 4]


def test_noise_in_sums_never_gives_a_scaling_that_a_site_would_refuse():
    study = private_study(NOISED)
    wild = {"known": -5 * ONES, "total": 30 * ONES, "square": 2 * ONES}

    scaling = frozen(study, wild)

    assert scaling is not None
    assert (np.abs(scaling.spread) >= 0.05 * 0.5).all()
    assert (scaling.fill <= np.array([110.0, 1, 1, 1])).all()
    assert replace(scaling).spread[0] <= 55.0
