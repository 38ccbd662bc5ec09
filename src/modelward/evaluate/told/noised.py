"""Figures of a model from counts of units that carry noise: by outcome and bin, [2, bins].

Every count is a whole number plus Gaussian noise of a known size. AUC, rates and the Brier
score are ratios of sums and products of counts, so they are computed from the noised counts
as they are: holding counts above 0 first would add units that do not exist. Predicted
probabilities stand in the middle of their bin.

Intervals hold both kinds of chance: counts are drawn anew from the distribution that the
noised counts show, noise of the same size is drawn on top, and the quantiles of the redrawn
figures are moved to the figure (parametric bootstrap; Efron & Tibshirani 1993, chapter 6).
Where an outcome has no more units than its noise could make up, no figure is given.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from modelward.evaluate.estimate import Estimate, Interval
from modelward.evaluate.groups.subgroups import GroupScores
from modelward.evaluate.measures.scores import Scores
from modelward.evaluate.predictions import Floats

DRAWS = 1000
METHOD = "parametric bootstrap of units and noise"
FEWEST = 10
"""Units of an outcome, by their noised number, below which nothing is said."""

LOUD = 3.0
"""And standard deviations of the noise in that number."""

TOO_LOUD = "an outcome has too few units for the noise"
NOT_FITTED = "not fitted to noised counts"


@dataclass(frozen=True, slots=True, eq=False)
class Noised:
    """Counts with noise.

    Attributes:
        counts: Units by outcome and bin, [2, bins]; may be below 0.
        noise: Standard deviation of the noise in each count.
        units: Units in all, which are public.
    """

    counts: Floats
    noise: float
    units: int

    @property
    def told(self) -> bool:
        """Whether both outcomes stand out from the noise."""
        least = max(FEWEST, LOUD * self.noise * sqrt(self.counts.shape[1]))
        return bool((self.counts.sum(axis=1) >= least).all())

    @property
    def positives(self) -> int:
        """Units whose outcome happened, as far as noise lets it be known."""
        return min(max(round(float(self.counts[1].sum())), 0), self.units)


def scores(found: Noised, rng: np.random.Generator, site: str) -> Scores:
    """Return the figures of a model; the threshold is one half.

    Args:
        found: Its counts.
        rng: Source of the redrawn counts.
        site: Whose units they are; "" for all sites.
    """
    auc, hits, alarms, _, accuracy, brier = _estimates(found, 0.5, rng)
    nothing = Estimate(None, None, NOT_FITTED)
    return Scores(
        site=site,
        units=found.units,
        positives=found.positives,
        auc=auc,
        accuracy=accuracy,
        sensitivity=hits,
        specificity=_complement(alarms),
        brier=brier,
        slope=nothing,
        intercept=nothing,
    )


def group_scores(
    found: Noised, named: tuple[str, str, str], threshold: float, rng: np.random.Generator
) -> GroupScores:
    """Return the figures of a model in one level of a group.

    Args:
        found: Its counts there; how many units a level has is not public, so `units` is not
            looked at.
        named: Group, level, and site ("" for all sites).
        threshold: Bins whose middle is this or more count as a yes.
        rng: Source of the redrawn counts.
    """
    group, level, site = named
    auc, hits, alarms, beyond, _, _ = _estimates(found, threshold, rng)
    total = round(float(found.counts.sum()))
    return GroupScores(
        group=group,
        level=level,
        site=site,
        units=total if found.told else None,
        positives=min(found.positives, total) if found.told else None,
        auc=auc,
        sensitivity=hits,
        false_alarms=alarms,
        beyond=beyond,
    )


def rates(
    found: Noised, threshold: float, rng: np.random.Generator
) -> tuple[Estimate, Estimate]:
    """Return sensitivity and specificity at a threshold that one of the bins ends at."""
    _, hits, alarms, *_ = _estimates(found, threshold, rng)
    return hits, _complement(alarms)


def _estimates(found: Noised, threshold: float, rng: np.random.Generator) -> list[Estimate]:
    """Return AUC, sensitivity, false alarms, what is beyond the model, accuracy and Brier."""
    if not found.told:
        return [Estimate(None, None, TOO_LOUD)] * 6
    seen = np.maximum(found.counts, 0.0)
    sizes = np.rint(found.counts.sum(axis=1)).astype(np.int64)
    drawn = np.stack(
        [
            rng.multinomial(n, row / row.sum(), DRAWS)
            for n, row in zip(sizes, seen, strict=True)
        ],
        axis=1,
    ) + rng.normal(0.0, found.noise, (DRAWS, *found.counts.shape))
    value = _figures(found.counts, threshold)
    around = _figures(seen * (sizes / seen.sum(axis=1))[:, None], threshold)
    ends = np.quantile(_figures(drawn, threshold), (0.025, 0.975), axis=0) - around + value
    low = np.array([0.0, 0.0, 0.0, -1.0, 0.0, 0.0])
    value, ends = np.clip(value, low, 1.0), np.clip(ends, low, 1.0)
    return [
        Estimate(float(one), Interval(float(first), float(last), METHOD))
        for one, first, last in zip(value, *ends, strict=True)
    ]


def _figures(counts: Floats, threshold: float) -> Floats:
    """Return the six figures of counts [..., 2, bins], [..., 6]."""
    bins = counts.shape[-1]
    middle = (np.arange(bins) + 0.5) / bins
    negatives, positives = counts[..., 0, :], counts[..., 1, :]
    yes = middle >= threshold
    n, m = negatives.sum(axis=-1), positives.sum(axis=-1)
    below = negatives.cumsum(axis=-1) - negatives / 2
    hits, alarms = positives[..., yes].sum(axis=-1), negatives[..., yes].sum(axis=-1)
    expected = ((negatives + positives) * middle).sum(axis=-1)
    squares = (negatives * middle**2 + positives * (1 - middle) ** 2).sum(axis=-1)
    both = n + m
    figures: Floats = np.stack(
        [
            (positives * below).sum(axis=-1) / (n * m),
            hits / m,
            alarms / n,
            (m - expected) / both,
            (hits + n - alarms) / both,
            squares / both,
        ],
        axis=-1,
    )
    return figures


def _complement(share: Estimate) -> Estimate:
    if share.value is None or share.interval is None:
        return share
    ends = Interval(1.0 - share.interval.high, 1.0 - share.interval.low, share.interval.method)
    return Estimate(1.0 - share.value, ends)
