"""Log-probabilities, priors and recalls, worked out by hand."""

import numpy as np
import pytest

from modelward.exchange.methods import probability


def test_the_prior_of_three_and_zero_units_is_four_and_one_of_five():
    assert probability.prior(np.array([3, 0])).tolist() == [0.8, 0.2]


def test_recall_of_a_class_without_units_is_unknown_and_not_zero():
    found = probability.recalls(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)

    assert found[:2].tolist() == [0.5, 1.0]
    assert np.isnan(found[2])
    assert probability.balanced_accuracy(np.array([0, 0, 1]), np.array([0, 1, 1]), 3) == 0.75


def test_a_byte_keeps_a_log_probability_to_a_sixtieth():
    log_p = np.log(np.array([[0.9, 0.09, 0.01], [1 / 3, 1 / 3, 1 / 3]]))

    back = probability.restored(probability.quantised(log_p))

    assert np.abs(back - log_p).max() < 8 / 255
    assert np.exp(back).sum(axis=1) == pytest.approx([1, 1])


def test_what_is_surer_than_the_floor_is_clamped():
    assert probability.quantised(np.array([[-1e9, 0.0]])).tolist() == [[255, 0]]
