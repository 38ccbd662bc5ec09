"""Pictures are drawn from groups, never from single patients."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from modelward.evaluate.measures.curves import groups_of_like_predictions, reliability, roc
from modelward.evaluate.predictions import Predictions

scores = st.lists(st.integers(0, 30).map(lambda n: n / 30), max_size=200)


@given(scores, st.integers(1, 20))
def test_no_group_is_smaller_than_ten_and_every_row_is_in_one(probability, groups):
    values = np.array(probability, np.float64)

    split = groups_of_like_predictions(values, groups, 10)

    if values.size < 10:
        assert split == []
        return
    assert min(rows.size for rows in split) >= 10
    assert len(split) <= groups
    assert sorted(np.concatenate(split).tolist()) == list(range(values.size))


@given(scores.filter(lambda values: len(values) >= 10))
def test_equal_predictions_stay_in_one_group(probability):
    values = np.array(probability)

    split = groups_of_like_predictions(values, 10, 10)

    for lower, upper in pairwise(split):
        assert values[lower].max() < values[upper].min()


def test_twenty_patients_in_two_groups_by_hand():
    outcome = [0] * 8 + [1] * 2 + [0] * 3 + [1] * 7
    judged = Predictions.of(outcome, [0.2] * 10 + [0.8] * 10)

    low, high = reliability(judged)

    assert (low.predicted, low.observed, low.units) == pytest.approx((0.2, 0.2, 10))
    assert (high.predicted, high.observed, high.units) == pytest.approx((0.8, 0.7, 10))
    assert high.interval.low < 0.7 < high.interval.high
    first, last = roc(judged)
    assert (first.threshold, first.false_alarms, first.sensitivity) == (0.8, 3 / 11, 7 / 9)
    assert (last.false_alarms, last.sensitivity) == (1, 1)


def test_the_drawn_curve_lies_close_to_the_exact_one():
    rng = np.random.default_rng(1)
    outcome = rng.random(600) < 0.4
    judged = Predictions.of(outcome, 1 / (1 + np.exp(-rng.normal(size=600) - 2 * outcome)))
    points = roc(judged)

    x = [0.0, *(point.false_alarms for point in points)]
    y = [0.0, *(point.sensitivity for point in points)]
    area = float(np.trapezoid(y, x))

    exact = roc_auc_score(outcome, judged.probability)
    assert area == pytest.approx(exact, abs=0.02)


def test_one_outcome_has_no_roc_curve():
    assert roc(Predictions.of([1] * 20, np.linspace(0, 1, 20))) == ()
