"""AUC of resampled units: many resamples and several models at once.

A resample is a row of whole-number weights (intervals.py). The AUC of one is the share of its
pairs of a positive and a negative that are ranked rightly, ties counting one half, where a unit
that was drawn twice is two units. Scores are sorted once for all resamples: weights of the
negatives are added up in the order of their scores, and each positive looks up how many of them
lie below its own. Sums are of whole numbers, so they are exact, and the AUC of weights that are
all 1 is that of discrimination.py.

Whoever compares models passes them together: each resample then judges all of them on the
same units, which makes differences paired.
"""

from collections.abc import Callable, Sequence

import numpy as np

from modelward.evaluate.measures.intervals import DRAWS, Statistic, bootstrap
from modelward.evaluate.predictions import Floats, Predictions, require_pairs

CELLS_AT_ONCE = 32_768
"""Weights worked on at a time: what is computed of them stays in a core's cache."""


def resampled_aucs(
    models: Sequence[Predictions], rng: np.random.Generator, draws: int = DRAWS
) -> Floats:
    """Return the AUC of each model in each resample, shape (draws, models).

    Resamples are of patients and stratified as `Predictions.strata` says; memory is bounded,
    whatever the number of units and of models.

    Args:
        models: At least one, on the same units in the same order.
        rng: Source of the resamples.
        draws: Number of resamples.

    Returns:
        0 to 1; NaN where a resample holds one outcome only.

    Raises:
        DataError: If two models were judged on different units.
    """
    first, *others = models
    for other in others:
        require_pairs(first, other)
    each = [weighted_auc(model) for model in models]

    def all_of_them(weights: Floats) -> Floats:
        return np.stack([one(weights) for one in each], axis=1)

    statistic: Statistic = all_of_them
    return bootstrap(first.strata, statistic, rng, draws, first.owner)


def weighted_auc(predictions: Predictions) -> Callable[[Floats], Floats]:
    """Return the AUC of `predictions` as a function of weights.

    The function takes weights of shape (resamples, units), at least 0, and returns one AUC for
    each resample, NaN where either outcome has no weight.
    """
    y, p = predictions.outcome, predictions.probability
    ill, healthy = np.flatnonzero(y), np.flatnonzero(~y)
    healthy = healthy[np.argsort(p[healthy], kind="stable")]
    ill = ill[np.argsort(p[ill], kind="stable")]  # so that looking up goes upwards too
    below = np.searchsorted(p[healthy], p[ill], side="left")
    not_above = np.searchsorted(p[healthy], p[ill], side="right")
    tied = bool((below != not_above).any())

    def of_weights(weights: Floats) -> Floats:
        step = max(1, CELLS_AT_ONCE // y.size)
        blocks = [weights[start : start + step] for start in range(0, len(weights), step)]
        return np.concatenate([of_few(block) for block in blocks])

    def of_few(weights: Floats) -> Floats:
        added = np.zeros((len(weights), healthy.size + 1))
        np.cumsum(np.take(weights, healthy, axis=1), axis=1, out=added[:, 1:])
        mine = np.take(weights, ill, axis=1)
        won = np.einsum("ij,ij->i", mine, np.take(added, below, axis=1))
        if tied:
            won = (won + np.einsum("ij,ij->i", mine, np.take(added, not_above, axis=1))) / 2
        pairs = mine.sum(axis=1) * added[:, -1]
        none = np.full(len(weights), np.nan)
        found: Floats = np.divide(won, pairs, out=none, where=pairs > 0)
        return found

    return of_weights
