"""Do the probabilities mean what they say?

- Brier score: mean squared distance of probability and outcome (Brier 1950); 0 is best.
- Calibration slope: b of logit P(y) = a + b logit(p). Below 1: too extreme, the usual mark
  of overfitting (Cox 1958).
- Calibration intercept: a with b held at 1, also called calibration in the large. Below 0:
  probabilities too high on average.

Definitions follow Van Calster et al. 2019, BMC Medicine 17:230. Fits are Newton's method on
all resamples at once; the resamples are intervals.py's business, points to draw curves.py's.
"""

from dataclasses import dataclass

import numpy as np

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.intervals import DRAWS, bootstrap, percentile
from modelward.evaluate.predictions import Floats, Predictions

CLIP = 1e-6
"""Probabilities are held this far from 0 and 1 before the logit is taken."""

MOST_STEPS = 25
TOLERANCE = 1e-6
"""Newton stops after a step this small; what remains is of the order of its square."""

STEEPEST = 30.0
"""A slope beyond this is not given: predictions hardly differ, or the classes are separated."""

ONE_CLASS = "all units have the same outcome"
CONSTANT = "all predictions are equal"
SEPARATED = "the slope is beyond 30, or infinite because a threshold separates the outcomes"


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the probabilities of one model can be taken at their word."""

    brier: Estimate
    slope: Estimate
    intercept: Estimate


def calibration(
    predictions: Predictions, rng: np.random.Generator, draws: int = DRAWS
) -> Calibration:
    """Return Brier score, slope and intercept, each with a stratified bootstrap interval.

    Args:
        predictions: Units of one site, or of several joined by `union`.
        rng: Source of the resamples.
        draws: Number of resamples.
    """
    y = predictions.outcome.astype(np.float64)
    squared = (predictions.probability - y) ** 2
    logit = logits(predictions.probability)
    why_not = no_recalibration(predictions)
    whole = np.ones((1, y.size))
    start = np.zeros((1, 2))
    centre = 0.0
    if not why_not:
        start = recalibrate(logit, y, whole)
        centre = float(intercept_at_slope_one(logit, y, whole)[0])
        if not np.isfinite(start).all():
            why_not = SEPARATED

    def figures(weights: Floats) -> Floats:
        brier: Floats = weights @ squared / weights.sum(axis=1)
        if why_not:
            return brier[:, None]
        line = recalibrate(logit, y, weights, start=start[0])
        alone = intercept_at_slope_one(logit, y, weights, start=centre)
        return np.column_stack([brier, line[:, 1], alone])

    drawn = bootstrap(predictions.strata, figures, rng, draws)
    brier = percentile(float(squared.mean()), drawn[:, 0])
    if why_not:
        return Calibration(brier, Estimate(None, None, why_not), Estimate(None, None, why_not))
    return Calibration(
        brier, percentile(float(start[0, 1]), drawn[:, 1]), percentile(centre, drawn[:, 2])
    )


def no_recalibration(predictions: Predictions) -> str:
    """Return why logit P(y) = a + b logit(p) cannot be fitted, or "" if it can be tried."""
    if predictions.smaller_class == 0:
        return ONE_CLASS
    if np.ptp(predictions.probability) == 0:
        return CONSTANT
    return ""


def logits(probability: Floats) -> Floats:
    """Return log(p / (1 - p)), p held within `CLIP` of 0 and 1."""
    p = np.clip(probability, CLIP, 1 - CLIP)
    return np.log(p) - np.log1p(-p)


def recalibrate(
    logit: Floats, y: Floats, weights: Floats, start: Floats | None = None
) -> Floats:
    """Fit logit P(y) = a + b * logit(p) for every row of weights, by Newton's method.

    Args:
        logit: Shape (n,); logits of the predicted probabilities.
        y: Shape (n,); outcomes, 0 or 1.
        weights: Shape (fits, n), at least 0.
        start: Shape (2,); a and b to begin with; (0, 0), where Newton is steady, if absent.

    Returns:
        Shape (fits, 2): a and b; NaN where the classes are separated or Newton's method
        did not settle within 25 steps.
    """
    fits = np.tile(np.zeros(2) if start is None else start, (weights.shape[0], 1))
    design = np.vstack([np.ones_like(logit), logit])
    products = np.vstack([np.ones_like(logit), logit, logit * logit])
    last = np.full(weights.shape[0], np.inf)
    for _ in range(MOST_STEPS):
        p = sigmoid(fits @ design)
        gradient = (weights * (y - p)) @ design.T
        information = (weights * p * (1 - p)) @ products.T
        step = solve_2x2(information, gradient)
        fits = np.clip(fits + step, -1e6, 1e6)
        last = np.abs(step).max(axis=1)
        if np.all((last < TOLERANCE) | (np.abs(fits[:, 1]) > STEEPEST)):
            break
    settled = (last < TOLERANCE) & (np.abs(fits[:, 1]) <= STEEPEST)
    return np.where(settled[:, None], fits, np.nan)


def intercept_at_slope_one(
    logit: Floats, y: Floats, weights: Floats, start: float = 0.0
) -> Floats:
    """Fit logit P(y) = a + logit(p) for every row of weights.

    Args and units are those of `recalibrate`.

    Returns:
        Shape (fits,): a; NaN where Newton's method did not settle.
    """
    fits = np.full(weights.shape[0], start)
    move = np.full(weights.shape[0], np.inf)
    for _ in range(MOST_STEPS):
        p = sigmoid(fits[:, None] + logit)
        slope = np.maximum((weights * p * (1 - p)).sum(axis=1), np.finfo(np.float64).tiny)
        move = np.clip((weights * (y - p)).sum(axis=1) / slope, -2.0, 2.0)
        fits = fits + move
        if np.all(np.abs(move) < TOLERANCE):
            break
    return np.where(np.abs(move) < TOLERANCE, fits, np.nan)


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
