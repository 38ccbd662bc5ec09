"""Do the probabilities mean what they say?

- Brier score: mean squared distance of probability and outcome (Brier 1950); 0 is best.
- Calibration slope: b of logit P(y) = a + b logit(p). Below 1: too extreme, the usual mark
  of overfitting (Cox 1958).
- Calibration intercept: a with b held at 1, also called calibration in the large. Below 0:
  probabilities too high on average.

Definitions follow Van Calster et al. 2019, BMC Medicine 17:230. Lines are fitted by newton.py,
those of resamples by expansion.py where it is close enough; the resamples are intervals.py's
business, points to draw curves.py's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.expansion import expand, expand_alone, refit, refit_alone
from modelward.evaluate.measures.intervals import DRAWS, bootstrap, percentile
from modelward.evaluate.measures.newton import intercept_at_slope_one, recalibrate
from modelward.evaluate.patients import Whose
from modelward.evaluate.predictions import Floats, Predictions

CLIP = 1e-6
"""Probabilities are held this far from 0 and 1 before the logit is taken."""

ONE_CLASS = "all units have the same outcome"
CONSTANT = "all predictions are equal"
SEPARATED = "the slope is beyond 30, or infinite because a threshold separates the outcomes"


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far the probabilities of one model can be taken at their word."""

    brier: Estimate
    slope: Estimate
    intercept: Estimate


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The three figures of one model on the data themselves.

    Attributes:
        squared: Shape (n,); each unit's part of the Brier score.
        fit: Intercept and slope; not finite where there is no line.
        alone: Intercept at slope 1.
        why_not: Why there is no line; "" if there is one.
    """

    squared: Floats
    fit: Floats
    alone: float
    why_not: str

    @property
    def brier(self) -> float:
        """Brier score, 0 to 1."""
        return float(self.squared.mean())

    def named(self, drawn: Callable[[float, int], Estimate]) -> Calibration:
        """Return the figures, each with what `drawn` makes of its value and its place."""
        brier = drawn(self.brier, 0)
        if self.why_not:
            nothing = Estimate(None, None, self.why_not)
            return Calibration(brier, nothing, nothing)
        return Calibration(brier, drawn(float(self.fit[1]), 1), drawn(self.alone, 2))


def calibration(
    predictions: Predictions, rng: np.random.Generator, draws: int = DRAWS
) -> Calibration:
    """Return Brier score, slope and intercept, each with a stratified bootstrap interval.

    Args:
        predictions: Units of one site, or of several joined by `union`.
        rng: Source of the resamples.
        draws: Number of resamples.
    """
    return calibrations([predictions], rng, draws)[0]


def calibrations(
    models: Sequence[Predictions], rng: np.random.Generator, draws: int = DRAWS
) -> list[Calibration]:
    """Return the same of several models, all judged on the same resamples.

    Args:
        models: Each on the same units in the same order, at least one.
        rng: Source of the resamples.
        draws: Number of resamples.
    """
    lines = [line(one) for one in models]
    refits = [_refits(one, found) for one, found in zip(models, lines, strict=True)]
    drawn = bootstrap(
        models[0].strata,
        lambda weights: np.hstack([refitted(weights) for refitted in refits]),
        rng,
        draws,
        models[0].owner,
    )
    return [
        found.named(partial(_drawn, drawn[:, 3 * n : 3 * n + 3], models[0].owner))
        for n, found in enumerate(lines)
    ]


def pointwise(predictions: Predictions, note: str) -> Calibration:
    """Return the three figures without intervals.

    Args:
        predictions: Units of one site, or of several.
        note: Why there is no interval.
    """
    return line(predictions).named(lambda value, _: Estimate(value, None, note))


def line(predictions: Predictions) -> Line:
    """Return the three figures on the data themselves."""
    y = predictions.outcome.astype(np.float64)
    squared = (predictions.probability - y) ** 2
    why_not = no_recalibration(predictions)
    if why_not:
        return Line(squared, np.full(2, np.nan), np.nan, why_not)
    logit, whole = logits(predictions.probability), np.ones((1, y.size))
    fit = recalibrate(logit, y, whole)[0]
    alone = float(intercept_at_slope_one(logit, y, whole)[0])
    return Line(squared, fit, alone, "" if np.isfinite(fit).all() else SEPARATED)


def _refits(predictions: Predictions, found: Line) -> Callable[[Floats], Floats]:
    """Return what gives Brier score, slope and intercept of every resample, (resamples, 3)."""
    if found.why_not:
        return lambda weights: np.column_stack(
            [_means(weights, found.squared), np.full((len(weights), 2), np.nan)]
        )
    y = predictions.outcome.astype(np.float64)
    logit = logits(predictions.probability)
    about = expand(logit, y, found.fit)
    alone = expand_alone(logit, y, found.alone)
    columns = np.column_stack([found.squared, about.columns, alone])
    split = 1 + about.columns.shape[1]

    def refitted(weights: Floats) -> Floats:
        sums = weights @ columns
        lines, sure = refit(about, sums[:, 1:split])
        if not sure.all():
            lines[~sure] = recalibrate(logit, y, weights[~sure], start=lines[~sure])
        shifts, near = refit_alone(sums[:, split:], found.alone)
        if not near.all():
            start = shifts[~near]
            shifts[~near] = intercept_at_slope_one(logit, y, weights[~near], start=start)
        brier = sums[:, 0] / weights.sum(axis=1)
        return np.column_stack([brier, lines[:, 1], shifts])

    return refitted


def _drawn(figures: Floats, owner: Whose | None, value: float, place: int) -> Estimate:
    return percentile(value, figures[:, place], owner)


def _means(weights: Floats, values: Floats) -> Floats:
    means: Floats = weights @ values / weights.sum(axis=1)
    return means


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
