"""Calibration lines by Newton's method, for many weightings of the same units at once.

Exact, and a pass over all units for every step of every weighting; expansion.py finds most
lines of large groups without.
"""

import numpy as np

from modelward.evaluate.predictions import Floats

MOST_STEPS = 25
TOLERANCE = 1e-5
"""Newton stops after a step this small; what remains is of the order of its square."""

STEEPEST = 30.0
"""A slope beyond this is not given: predictions hardly differ, or the classes are separated."""

CELLS_AT_ONCE = 32_768
"""Weights worked on at a time: what is computed of them stays in a core's cache."""


def recalibrate(
    logit: Floats, y: Floats, weights: Floats, start: Floats | None = None
) -> Floats:
    """Fit logit P(y) = a + b * logit(p) for every row of weights, by Newton's method.

    Args:
        logit: Shape (n,); logits of the predicted probabilities.
        y: Shape (n,); outcomes, 0 or 1.
        weights: Shape (fits, n), at least 0.
        start: Shape (fits, 2) or (2,); a and b to begin with; (0, 0), where Newton is steady,
            if absent.

    Returns:
        Shape (fits, 2): a and b; NaN where a slope left the range that is given (the classes
        are separated) or Newton's method did not settle within 25 steps. What a row gets does
        not depend on the others.
    """
    fits = len(weights)
    begun = np.broadcast_to(np.zeros(2) if start is None else start, (fits, 2))
    found = np.full((fits, 2), np.nan)
    design = np.vstack([np.ones_like(logit), logit])
    products = np.vstack([np.ones_like(logit), logit, logit * logit])
    for rows in _blocks(fits, logit.size):
        left, at = np.arange(rows.start, rows.stop), np.array(begun[rows])
        here = weights[rows]
        for _ in range(MOST_STEPS):
            p = sigmoid(at @ design)
            gradient = (here * (y - p)) @ design.T
            information = (here * p * (1 - p)) @ products.T
            step = solve_2x2(information, gradient)
            at = np.clip(at + step, -1e6, 1e6)
            done = np.abs(step).max(axis=1) < TOLERANCE
            found[left[done]] = at[done]
            on = ~done & (np.abs(at[:, 1]) <= STEEPEST)
            left, at, here = left[on], at[on], here if on.all() else here[on]
            if not left.size:
                break
    found[~(np.abs(found[:, 1]) <= STEEPEST)] = np.nan
    return found


def intercept_at_slope_one(
    logit: Floats, y: Floats, weights: Floats, start: Floats | float = 0.0
) -> Floats:
    """Fit logit P(y) = a + logit(p) for every row of weights.

    Args and units are those of `recalibrate`; `start` is of shape (fits,), or one for all.

    Returns:
        Shape (fits,): a; NaN where Newton's method did not settle.
    """
    fits = len(weights)
    begun = np.broadcast_to(start, (fits,))
    found = np.full(fits, np.nan)
    for rows in _blocks(fits, logit.size):
        left, at = np.arange(rows.start, rows.stop), np.array(begun[rows])
        here = weights[rows]
        for _ in range(MOST_STEPS):
            p = sigmoid(at[:, None] + logit)
            slope = np.maximum((here * p * (1 - p)).sum(axis=1), np.finfo(np.float64).tiny)
            move = np.clip((here * (y - p)).sum(axis=1) / slope, -2.0, 2.0)
            at = at + move
            done = np.abs(move) < TOLERANCE
            found[left[done]] = at[done]
            left, at, here = left[~done], at[~done], here[~done] if done.any() else here
            if not left.size:
                break
    return found


def solve_2x2(information: Floats, gradient: Floats) -> Floats:
    """Solve many symmetric 2 x 2 systems, given as columns (h00, h01, h11); steps <= 5."""
    h00, h01, h11 = information.T
    g0, g1 = gradient.T
    determinant = np.maximum(h00 * h11 - h01 * h01, np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):  # no end where classes are told apart
        step = np.column_stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0])
        step /= determinant[:, None]
    limited: Floats = np.clip(step, -5.0, 5.0)
    return limited


def sigmoid(logit: Floats) -> Floats:
    """Return 1 / (1 + exp(-logit)), without overflow."""
    value: Floats = 0.5 * (1 + np.tanh(0.5 * logit))
    return value


def _blocks(fits: int, units: int) -> list[slice]:
    """Return rows of weights, a few at a time."""
    step = max(1, CELLS_AT_ONCE // max(units, 1))
    return [slice(first, min(first + step, fits)) for first in range(0, fits, step)]
