"""Lines of many weightings: each as if it were alone, and none where there is none."""

import numpy as np

from modelward.evaluate.measures import newton


def weighed(fits: int, units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return logits, outcomes and weights."""
    rng = np.random.default_rng(units)
    logit = rng.normal(0, 2, units)
    y = (rng.random(units) < 1 / (1 + np.exp(-0.7 * logit))).astype(float)
    return logit, y, rng.integers(0, 4, (fits, units)).astype(float)


def test_a_fit_does_not_depend_on_the_others():
    logit, y, weights = weighed(40, 30)

    together = newton.recalibrate(logit, y, weights)
    alone = [newton.recalibrate(logit, y, row[None])[0] for row in weights]
    shift = newton.intercept_at_slope_one(logit, y, weights)
    each = [newton.intercept_at_slope_one(logit, y, row[None])[0] for row in weights]

    np.testing.assert_allclose(together, alone, rtol=1e-12, equal_nan=True)
    np.testing.assert_allclose(shift, each, rtol=1e-12)


def test_blocks_change_nothing(monkeypatch):
    logit, y, weights = weighed(50, 200)
    whole = newton.recalibrate(logit, y, weights)

    monkeypatch.setattr(newton, "CELLS_AT_ONCE", 600)

    np.testing.assert_allclose(newton.recalibrate(logit, y, weights), whole, rtol=1e-12)


def test_a_start_nearby_leads_to_the_same_line():
    logit, y, weights = weighed(10, 300)
    found = newton.recalibrate(logit, y, weights)

    again = newton.recalibrate(logit, y, weights, start=found + 0.1)

    np.testing.assert_allclose(again, found, atol=1e-8)


def test_classes_that_are_told_apart_have_no_line_beside_one_that_has():
    logit, y = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0, 1.0])
    weights = np.array([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])

    found = newton.recalibrate(logit, y, weights)

    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_a_step_without_end_is_as_long_as_a_step_may_be():
    flat = np.array([[1e-310, 0.0, 10.0]])  # what is left where classes are told apart

    assert newton.solve_2x2(flat, np.array([[1.0, 1.0]]))[0, 0] == 5.0
