"""Holm's adjustment by hand, and p values against scipy."""

import numpy as np
import pytest
from scipy import stats

from modelward.evaluate.measures.multiplicity import by_draws, holm, two_sided


def test_holm_is_that_of_the_textbook():
    # 0.01 x 4, 0.02 x 3, max(0.03 x 2, before), max(0.05 x 1, before)
    adjusted = holm({"a": 0.01, "d": 0.05, "b": 0.02, "c": 0.03})

    assert adjusted == pytest.approx({"a": 0.04, "d": 0.06, "b": 0.06, "c": 0.06})


def test_an_adjusted_p_value_is_never_above_one_and_never_below_its_own():
    p = {str(n): 0.2 * n for n in range(6)}
    adjusted = holm(p)

    assert max(adjusted.values()) == 1.0
    assert all(adjusted[name] >= p[name] for name in p)
    assert holm({}) == {}


@pytest.mark.parametrize("freedom", [1.0, 2.5, 8.0, 60.0])
def test_two_sided_is_that_of_student(freedom):
    for ratio in (0.0, 0.4, 1.7, 4.0):
        expected = 2 * stats.t.sf(ratio, freedom)
        assert two_sided(ratio * 3, 3.0, freedom) == pytest.approx(expected, abs=1e-6)


def test_without_freedom_it_is_that_of_the_normal():
    assert two_sided(-1.96, 1.0) == pytest.approx(2 * stats.norm.sf(1.96))


def test_an_estimate_without_error_is_sure_of_itself():
    assert two_sided(0.0, 0.0) == 1.0
    assert two_sided(0.1, 0.0) == 0.0


def test_draws_on_both_sides_of_zero_tell_nothing():
    assert by_draws(np.array([-1.0, 1.0, 2.0, -2.0])) == 1.0
    assert by_draws(np.arange(1.0, 100.0)) == pytest.approx(2 / 100)
    assert by_draws(np.array([np.nan])) == 1.0
