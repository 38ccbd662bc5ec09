"""The stratified bootstrap keeps its promises about strata, seeds and memory."""

import numpy as np
import pytest

from modelward.evaluate.measures import intervals
from modelward.evaluate.measures.intervals import bootstrap, percentile, resamples

STRATA = (np.array([0, 2, 4]), np.array([1, 3, 5, 6, 7]))


def test_every_resample_keeps_the_size_of_every_stratum():
    (weights,) = resamples(STRATA, 500, np.random.default_rng(1))

    assert weights.shape == (500, 8)
    for rows in STRATA:
        assert (weights[:, rows].sum(axis=1) == rows.size).all()


def test_every_unit_is_drawn_once_on_average():
    (weights,) = resamples(STRATA, 20_000, np.random.default_rng(2))

    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.03)


def test_the_same_seed_gives_the_same_resamples():
    (one,) = resamples(STRATA, 10, np.random.default_rng(3))
    (two,) = resamples(STRATA, 10, np.random.default_rng(3))

    assert (one == two).all()


def test_large_data_are_resampled_in_pieces(monkeypatch):
    monkeypatch.setattr(intervals, "CELLS_AT_ONCE", 80)

    pieces = list(resamples(STRATA, 25, np.random.default_rng(4)))

    assert [piece.shape for piece in pieces] == [(10, 8), (10, 8), (5, 8)]


def test_the_bootstrap_of_a_mean_has_the_textbook_spread():
    values = np.random.default_rng(5).normal(size=200)
    everyone = (np.arange(200),)

    drawn = bootstrap(
        everyone, lambda w: (w @ values / 200)[:, None], np.random.default_rng(6), 4_000
    )

    assert drawn.std() == pytest.approx(values.std() / np.sqrt(200), rel=0.05)


def test_a_percentile_interval_cuts_off_two_and_a_half_percent_on_each_side():
    found = percentile(0.5, np.linspace(0, 1, 1001))

    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((0.025, 0.975))
    assert found.interval.method == "stratified bootstrap, 1001 resamples"


def test_no_interval_is_claimed_when_resamples_have_no_value():
    drawn = np.full(1000, 0.5)
    drawn[:11] = np.nan

    found = percentile(0.5, drawn)

    assert (found.value, found.interval) == (0.5, None)
    assert found.note == "1.1% of the resamples have no finite value"


def test_no_value_means_no_interval():
    assert percentile(None, np.ones(10)).value is None
    assert percentile(np.inf, np.ones(10)).value is None
