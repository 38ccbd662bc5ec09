"""Two models on the same units: which is better, and by how much.

The difference is always first minus second. AUC uses the paired DeLong interval
(discrimination.py); the Brier score of one site an interval that holds how often the outcome
happens (brier_difference.py); the Brier score of several sites, and accuracy, the paired
stratified bootstrap: each resample draws units once and judges both models on them
(intervals.py). Where patients have several units, all of these go by patients (patients.py).
`auc_by_resamples` has AUC by the same bootstrap, to be shown beside DeLong's,
which decides (docs/evaluation.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.brier_difference import brier_chance, brier_difference
from modelward.evaluate.measures.discrimination import (
    ONE_CLASS,
    auc,
    auc_difference,
    error_of,
    placements,
)
from modelward.evaluate.measures.intervals import DRAWS, bootstrap, percentile
from modelward.evaluate.measures.multiplicity import by_draws, two_sided
from modelward.evaluate.measures.resampled_auc import resampled_aucs
from modelward.evaluate.predictions import Floats, Predictions, require_pairs

Metric = Literal["auc", "accuracy", "brier"]
"""What two models can be compared on."""

HIGHER_IS_BETTER: dict[Metric, bool] = {"auc": True, "accuracy": True, "brier": False}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same units.

    Attributes:
        metric: What was compared.
        first: The first model's figure; None where it has no meaning.
        second: The second model's figure.
        difference: First minus second, with its paired interval.
    """

    metric: Metric
    first: float | None
    second: float | None
    difference: Estimate


def compare(
    metric: Metric,
    first: Predictions,
    second: Predictions,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Comparison:
    """Return first minus second on `metric`, with a paired 95 % interval.

    Args:
        metric: `auc`, `accuracy` (threshold 0.5) or `brier`.
        first: One model.
        second: The other, on the same units in the same order.
        rng: Source of the resamples, where there are any.
        draws: Number of resamples.

    Raises:
        DataError: If the two were judged on different units.
    """
    if metric == "auc":
        return Comparison(
            metric, auc(first).value, auc(second).value, auc_difference(first, second)
        )
    require_pairs(first, second)
    one, two = per_unit(metric, first), per_unit(metric, second)
    if metric == "brier" and _of_one_site(first):
        found = brier_difference(first, second)
        return Comparison(metric, float(one.mean()), float(two.mean()), found)
    gap = one - two
    drawn = bootstrap(
        first.strata,
        lambda weights: (weights @ gap / weights.sum(axis=1))[:, None],
        rng,
        draws,
        first.owner,
    )
    difference = percentile(float(gap.mean()), drawn[:, 0], first.owner)
    return Comparison(metric, float(one.mean()), float(two.mean()), difference)


def auc_by_resamples(
    first: Predictions,
    others: Sequence[Predictions],
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> tuple[Estimate, ...]:
    """Return AUC(first) minus AUC of each other, with paired bootstrap 95 % intervals.

    Args:
        first: One model.
        others: Models on the same units in the same order; all are judged on the same
            resamples.
        rng: Source of the resamples.
        draws: Number of resamples.

    Raises:
        DataError: If two were judged on different units.
    """
    if first.smaller_class == 0:
        return tuple(Estimate(None, None, ONE_CLASS) for _ in others)
    drawn = resampled_aucs([first, *others], rng, draws)
    value = placements(first).auc
    return tuple(
        percentile(value - placements(other).auc, drawn[:, 0] - drawn[:, place], first.owner)
        for place, other in enumerate(others, 1)
    )


def chance(
    metric: Metric,
    first: Predictions,
    second: Predictions,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> float | None:
    """Return the two-sided p value of what `compare` estimates; None where it has no variance.

    Args are those of `compare`.

    Raises:
        DataError: If the two were judged on different units.
    """
    require_pairs(first, second)
    if metric == "brier" and _of_one_site(first):
        return brier_chance(brier_difference(first, second))
    if metric != "auc":
        gap = per_unit(metric, first) - per_unit(metric, second)
        drawn = bootstrap(
            first.strata,
            lambda weights: (weights @ gap / weights.sum(axis=1))[:, None],
            rng,
            draws,
            first.owner,
        )
        return by_draws(drawn[:, 0])
    if first.fewest_patients < 2:  # noqa: PLR2004 - a variance needs two
        return None
    one, two = placements(first), placements(second)
    error, freedom = error_of(one.v10 - two.v10, one.v01 - two.v01, first)
    value = one.auc - two.auc
    return None if value and not error else two_sided(value, error, freedom)


def _of_one_site(predictions: Predictions) -> bool:
    return bool(np.ptp(predictions.site) == 0)


def per_unit(metric: Literal["accuracy", "brier"], predictions: Predictions) -> Floats:
    """Return each unit's part of a metric that is a mean over units, shape (n,)."""
    if metric == "brier":
        squared: Floats = (predictions.probability - predictions.outcome) ** 2
        return squared
    said_yes = predictions.probability >= 0.5  # noqa: PLR2004 - the default threshold
    right: Floats = (said_yes == predictions.outcome).astype(np.float64)
    return right
