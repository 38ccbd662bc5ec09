"""Would acting on the model do more good than acting on everybody, or on nobody?

Net benefit at a threshold t (Vickers & Elkin 2006, Medical Decision Making 26:565):

    NB(t) = TP/n - FP/n * t / (1 - t)

t is the probability at which somebody would just act, so t / (1 - t) is what a false alarm
costs against a missed case. Acting on everybody has NB(t) with all units a yes, acting on
nobody has 0. A model is of use at thresholds where it is above both.

Points are thresholds between which units of at least ten patients lie, or none, so that no
step of the curve shows a single one. Intervals resample patients within site and outcome
(intervals.py).
"""

from dataclasses import dataclass

import numpy as np

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.curves import SMALLEST_GROUP
from modelward.evaluate.measures.intervals import DRAWS, bootstrap, percentile
from modelward.evaluate.patients import persons
from modelward.evaluate.predictions import Floats, Predictions

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 19))
"""Where the curve is asked for: 0.05 to 0.90."""

ROUNDING = 1e-9
"""Net benefits closer than this are the same."""


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """One threshold.

    Attributes:
        threshold: Probabilities from here on count as a yes.
        model: Net benefit of acting on a yes of the model, in cases per unit.
        everybody: Net benefit of acting on everybody.
    """

    threshold: float
    model: Estimate
    everybody: float


def decision_curve(
    predictions: Predictions,
    rng: np.random.Generator,
    *,
    draws: int = DRAWS,
    smallest: int = SMALLEST_GROUP,
) -> tuple[DecisionPoint, ...]:
    """Return the decision curve; empty if all units have the same outcome.

    Args:
        predictions: Units of one site, or of several joined by `union`.
        rng: Source of the resamples.
        draws: Number of resamples.
        smallest: Fewest patients between two points, if there are any.
    """
    if predictions.smaller_class == 0:
        return ()
    at = np.array(_apart(predictions, smallest))
    if not at.size:
        return ()
    odds = at / (1 - at)
    y = predictions.outcome.astype(np.float64)
    yes = (predictions.probability[:, None] >= at).astype(np.float64)
    gain = yes * (y[:, None] - (1 - y[:, None]) * odds)  # [units, thresholds]

    def mean(weights: Floats) -> Floats:
        total: Floats = weights @ gain / weights.sum(axis=1)[:, None]
        return total

    drawn = bootstrap(predictions.strata, mean, rng, draws, predictions.owner)
    whole = gain.mean(axis=0)
    rate = float(y.mean())
    return tuple(
        DecisionPoint(
            threshold=float(t),
            model=percentile(float(whole[place]), drawn[:, place], predictions.owner),
            everybody=rate - (1 - rate) * float(odds[place]),
        )
        for place, t in enumerate(at)
    )


def useful(points: tuple[DecisionPoint, ...]) -> tuple[float, float] | None:
    """Return the lowest and highest threshold at which the model beats both other ways.

    The whole interval of its net benefit has to lie above them. None if there is none.
    """
    better = [
        point.threshold
        for point in points
        if point.model.interval is not None
        and point.model.interval.low > max(point.everybody, 0.0) + ROUNDING
    ]
    return (min(better), max(better)) if better else None


def _apart(predictions: Predictions, smallest: int) -> list[float]:
    """Return thresholds with nobody, or at least `smallest` patients, between neighbours."""
    p, found, last = predictions.probability, list[float](), 0.0

    def enough(low: float, high: float) -> bool:
        between = (p >= low) & (p < high)
        return not between.any() or persons(between, predictions.owner) >= smallest

    for t in THRESHOLDS:
        if enough(last, t) and enough(t, np.inf):
            found.append(t)
            last = t
    return found
