"""The loss of one logit."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.recipes.regression.logit import log_prior_odds, sigmoid, slope


def test_by_hand():
    loss, dlogits = slope(np.array([0.0, log(3)], np.float32), np.array([1, 0], np.float32), 0)

    # p = 1/2 and 3/4, so the losses are log 2 and log 4.
    assert loss == pytest.approx((log(2) + log(4)) / 2)
    assert dlogits.tolist() == pytest.approx([-0.5 / 2, 0.75 / 2])


def test_the_offset_is_added_to_every_logit():
    z, y = np.array([0.3, -1.0], np.float32), np.array([0, 1], np.float32)

    moved = slope(z + np.float32(0.5), y, 0.0)

    assert slope(z, y, 0.5)[0] == moved[0]
    assert (slope(z, y, 0.5)[1] == moved[1]).all()


@given(st.floats(-80, 80), st.integers(0, 1))
def test_the_slope_is_that_of_the_loss(z, outcome):
    step = 1e-3

    def loss_at(value: float) -> float:
        return float(max(value, 0) + log(1 + exp(-abs(value))) - outcome * value)

    _, dlogits = slope(np.array([z], np.float32), np.array([outcome], np.float32), 0.0)

    expected = (loss_at(z + step) - loss_at(z - step)) / (2 * step)
    assert float(dlogits[0]) == pytest.approx(expected, abs=1e-5)


def test_extreme_logits_neither_overflow_nor_warn():
    loss, dlogits = slope(np.array([-1e30, 1e30], np.float32), np.array([0, 1], np.float32), 0)

    assert loss == 0.0
    assert dlogits.tolist() == [0.0, 0.0]
    assert sigmoid(np.array([-1e300, 1e300])).tolist() == [0.0, 1.0]


def test_prior_odds_are_smoothed_so_that_one_class_stays_finite():
    assert log_prior_odds(np.array([1, 1, 0], np.int8)) == pytest.approx(log(3 / 2))
    assert log_prior_odds(np.ones(8, np.int8)) == pytest.approx(log(9))
