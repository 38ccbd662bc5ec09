"""Refits by the series are Newton's, to the last digit that it promises, or are not claimed."""

import numpy as np
import pytest
from numpy.polynomial import Polynomial

from modelward.evaluate.measures import expansion, newton
from modelward.evaluate.measures.calibration import line, logits
from modelward.evaluate.measures.intervals import generator, resamples
from modelward.evaluate.predictions import Floats, Predictions, union


def units(n: int, apart: float) -> Predictions:
    """Return predictions whose classes are `apart` standard deviations of noise from equal."""
    rng = np.random.default_rng([n, int(10 * apart)])
    outcome = rng.random(n) < 0.4
    logit = 2.2 * (np.where(outcome, apart, -apart) + rng.normal(size=n))
    return Predictions.of(outcome, 1 / (1 + np.exp(-1.2 * logit)))


def drawn(judged: Predictions, draws: int) -> Floats:
    return np.concatenate(list(resamples(judged.strata, draws, generator(1, "north"))))


@pytest.mark.parametrize(
    ("n", "apart"), [(40, 0.4), (40, 1.2), (400, 0.4), (400, 2.0), (4_000, 1.2), (4_000, 2.0)]
)
def test_a_line_that_is_claimed_is_newtons_within_the_promise(n, apart):
    judged = units(n, apart)
    fit, alone = line(judged).fit, line(judged).alone
    y, logit = judged.outcome.astype(float), logits(judged.probability)
    weights = drawn(judged, 150)

    about = expansion.expand(logit, y, fit)
    lines, sure = expansion.refit(about, weights @ about.columns)
    shifts, near = expansion.refit_alone(
        weights @ expansion.expand_alone(logit, y, alone), alone
    )

    exact = newton.recalibrate(logit, y, weights[sure], start=lines[sure])
    shifted = newton.intercept_at_slope_one(logit, y, weights[near], start=shifts[near])
    assert np.isfinite(lines).all()
    assert np.abs(lines[sure] - exact).max(initial=0) < expansion.CLOSE
    assert np.abs(shifts[near] - shifted).max(initial=0) < expansion.CLOSE


def test_large_groups_need_no_newton_and_small_ones_do():
    shares = {}
    for n in (60, 20_000):
        judged = units(n, 1.2)
        y, logit = judged.outcome.astype(float), logits(judged.probability)
        about = expansion.expand(logit, y, line(judged).fit)
        _, sure = expansion.refit(about, drawn(judged, 100) @ about.columns)
        shares[n] = sure.mean()

    assert shares[60] < 0.5
    assert shares[20_000] == 1.0


def test_intervals_are_those_of_newton_alone(monkeypatch):
    from modelward.evaluate.measures.calibration import calibration

    judged = union([units(900, 1.2), units(500, 0.8)])
    mixed = calibration(judged, generator(2026, ""), 300)

    monkeypatch.setattr(expansion, "CLOSE", -1.0)  # nothing is close enough

    exact = calibration(judged, generator(2026, ""), 300)
    for name in ("brier", "slope", "intercept"):
        one, other = getattr(mixed, name), getattr(exact, name)
        assert one.value == other.value
        assert one.interval.low == pytest.approx(other.interval.low, abs=1e-6)
        assert one.interval.high == pytest.approx(other.interval.high, abs=1e-6)


def test_derivatives_are_those_of_the_logistic_function():
    at, h = 0.3, 1e-4
    for k in range(1, expansion.ORDER + 1):
        ends = expansion.DERIVATIVES[k - 1](newton.sigmoid(np.array([at - h, at + h])))
        found = expansion.DERIVATIVES[k](newton.sigmoid(np.array([at])))[0]
        assert found == pytest.approx((ends[1] - ends[0]) / (2 * h), abs=1e-6)


def test_the_bound_of_the_last_derivative_holds_everywhere():
    s = np.linspace(1e-6, 1 - 1e-6, 20_001)

    last = np.abs(expansion.DERIVATIVES[-1](s))

    ratio = last / Polynomial([0, 1, -1])(s)
    assert 0.99 * expansion.STEEP < ratio.max() <= expansion.STEEP


def test_a_step_out_of_reach_of_the_series_is_not_claimed_and_starts_from_the_data():
    judged = units(60, 0.8)
    y, logit = judged.outcome.astype(float), logits(judged.probability)
    fit = line(judged).fit
    about = expansion.expand(logit, y, fit)
    one_class = np.where(judged.outcome, 1.0, 0.0)[None]  # no line exists

    lines, sure = expansion.refit(about, one_class @ about.columns)

    assert not sure[0]
    np.testing.assert_allclose(lines[0], fit)
