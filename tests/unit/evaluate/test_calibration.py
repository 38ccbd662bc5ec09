"""Brier by hand; slope and intercept against statsmodels, weighted and not."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.evaluate.measures import calibration as c
from modelward.evaluate.measures.newton import recalibrate
from modelward.evaluate.predictions import Predictions


def patients(seed: int, n: int = 300, stretch: float = 1.7, shift: float = 0.4) -> Predictions:
    """Return predictions that are too extreme and too low."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=n)
    outcome = rng.random(n) < 1 / (1 + np.exp(-logit - shift))
    return Predictions.of(outcome, 1 / (1 + np.exp(-stretch * logit)))


def figures(predictions: Predictions, draws: int = 200) -> c.Calibration:
    return c.calibration(predictions, np.random.default_rng(0), draws)


def test_brier_by_hand():
    found = figures(Predictions.of([1, 0, 1, 0], [1.0, 0.5, 0.5, 0.0]))

    assert found.brier.value == pytest.approx((0 + 0.25 + 0.25 + 0) / 4)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.2, 5), st.floats(-1.5, 1.5))
def test_slope_and_intercept_agree_with_statsmodels(seed, stretch, shift):
    judged = patients(seed, stretch=stretch, shift=shift)
    y, logit = judged.outcome.astype(float), c.logits(judged.probability)

    found = figures(judged, draws=2)

    line = sm.Logit(y, sm.add_constant(logit)).fit(disp=0)
    alone = sm.GLM(y, np.ones_like(y), offset=logit, family=sm.families.Binomial()).fit()
    assert found.slope.value == pytest.approx(line.params[1], abs=1e-6)
    assert found.intercept.value == pytest.approx(alone.params[0], abs=1e-6)


def test_every_resample_is_fitted_as_statsmodels_would():
    judged = patients(1)
    y, logit = judged.outcome.astype(float), c.logits(judged.probability)
    weights = np.random.default_rng(2).integers(0, 4, size=(3, y.size)).astype(float)

    fits = recalibrate(logit, y, weights)

    for row, fit in zip(weights, fits, strict=True):
        model = sm.GLM(
            y, sm.add_constant(logit), family=sm.families.Binomial(), freq_weights=row
        )
        np.testing.assert_allclose(fit, model.fit().params, atol=1e-6)


def test_a_model_that_says_the_truth_has_slope_one_and_intercept_zero():
    found = figures(patients(3, n=20_000, stretch=1.0, shift=0.0), draws=20)

    assert found.slope.value == pytest.approx(1, abs=0.05)
    assert found.intercept.value == pytest.approx(0, abs=0.05)


def test_intervals_hold_their_values_and_name_their_method():
    found = figures(patients(4))

    for one in (found.brier, found.slope, found.intercept):
        assert one.value is not None
        assert one.interval is not None
        assert one.interval.low < one.value < one.interval.high
        assert one.interval.method == "stratified bootstrap, 200 resamples"


@pytest.mark.parametrize(
    ("outcome", "probability", "why"),
    [
        ([1, 1, 1], [0.9, 0.8, 0.7], c.ONE_CLASS),
        ([1, 0, 1], [0.5, 0.5, 0.5], c.CONSTANT),
        ([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1], c.SEPARATED),
    ],
)
def test_where_no_line_can_be_fitted_it_says_why(outcome, probability, why):
    found = figures(Predictions.of(outcome, probability))

    assert found.slope.value is None
    assert found.slope.note == why
    assert found.brier.value is not None


def test_probabilities_of_exactly_0_and_1_are_judged_too():
    judged = patients(5)
    extreme = Predictions.of(judged.outcome, np.round(judged.probability, 1))

    assert np.isfinite(figures(extreme, draws=5).slope.value or np.nan)


@pytest.mark.slow
def test_the_slope_interval_covers_the_truth_about_95_times_in_100():
    runs, covered = 400, 0
    for seed in range(runs):
        found = c.calibration(patients(seed, n=200), np.random.default_rng(seed), 400).slope
        assert found.interval is not None
        covered += found.interval.low <= 1 / 1.7 <= found.interval.high

    assert 0.91 <= covered / runs <= 0.985


def test_models_judged_together_get_what_each_gets_alone():
    first, second = patients(6), patients(6, stretch=0.8)

    both = c.calibrations([first, second], np.random.default_rng(0), 200)

    assert both == [figures(first), figures(second)]


def test_values_without_intervals_are_those_with():
    drawn, alone = figures(patients(7)), c.pointwise(patients(7), "nobody asked")

    for name in ("brier", "slope", "intercept"):
        one = getattr(alone, name)
        assert (one.value, one.interval, one.note) == (
            getattr(drawn, name).value,
            None,
            "nobody asked",
        )
