"""Wilson and Student against statsmodels, scipy and a published example."""

import pytest
from scipy.stats import t
from statsmodels.stats.proportion import proportion_confint

from modelward.evaluate.estimate import Z, proportion, t_quantile, wilson


def test_nobody_of_ten_may_still_be_up_to_28_percent():
    # z^2 / (n + z^2) = 3.8415 / 13.8415, by hand.
    interval = wilson(0, 10)

    assert interval.low == 0
    assert interval.high == pytest.approx(0.27753, abs=1e-5)


@pytest.mark.parametrize(("hits", "trials"), [(1, 1), (0, 7), (7, 7), (15, 16), (310, 624)])
def test_wilson_agrees_with_statsmodels(hits, trials):
    interval = wilson(hits, trials)

    assert (interval.low, interval.high) == pytest.approx(
        proportion_confint(hits, trials, method="wilson"), abs=1e-12
    )


def test_a_proportion_of_nobody_has_no_value_and_says_why():
    found = proportion(0, 0, empty="no unit has the outcome")

    assert (found.value, found.interval, found.note) == (None, None, "no unit has the outcome")


@pytest.mark.parametrize("freedom", [1, 1.5, 2, 3.7, 9, 30.2, 250, 9_999])
def test_student_quantiles_agree_with_scipy(freedom):
    assert t_quantile(freedom) == pytest.approx(t.ppf(0.975, freedom), rel=1e-4)


def test_with_many_units_student_is_normal():
    assert t_quantile(10_000) == Z
