"""What acting at the chosen threshold means: sensitivity and specificity on test units.

The threshold was chosen on validation counts (threshold.py) before a test unit was looked at,
so these rates are not those of the luckiest threshold. Wilson intervals; they do not hold what
another choice of threshold would have brought.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import Estimate, proportion
from modelward.evaluate.groups.subgroups import EVERYWHERE
from modelward.evaluate.measures.discrimination import sensitivity, specificity
from modelward.evaluate.predictions import Predictions, union

Sides = NDArray[Any]
"""Units by outcome and side of a threshold, [2, 2]."""

NO_POSITIVES, NO_NEGATIVES = "nobody has the outcome", "everybody has the outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """The federated model's rates on the test units of one site.

    Attributes:
        site: Whose units; "" for those of all sites.
        sensitivity: Share of those with the outcome that get a yes.
        specificity: Share of those without it that get a no.
    """

    site: str
    sensitivity: Estimate
    specificity: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Where a probability becomes a yes.

    Attributes:
        threshold: Probabilities from here on count as a yes.
        rule: How it was chosen, in words.
        acting: Rates at it, everywhere first; empty where test units are not at hand.
    """

    threshold: float
    rule: str
    acting: tuple[Acting, ...] = ()


def chosen(
    threshold: float | None, rule: str, by_site: Sequence[tuple[str, Predictions]]
) -> Chosen | None:
    """Return what a chosen threshold does everywhere and at each site; None if none was.

    Args:
        threshold: As chosen on validation units.
        rule: How, in words.
        by_site: Site and the federated model's predictions on its test units.
    """
    if threshold is None:
        return None
    whole = (EVERYWHERE, union([one for _, one in by_site]))
    rates = tuple(_rates(site, one, threshold) for site, one in (whole, *by_site))
    return Chosen(threshold=threshold, rule=rule, acting=rates)


def by_side(one: Predictions, threshold: float) -> Sides:
    """Return units without and with the outcome, below a threshold and from it on, [2, 2]."""
    yes = one.probability >= threshold
    return np.bincount(2 * one.outcome.astype(np.int64) + yes, minlength=4).reshape(2, 2)


def rates_of(site: str, sides: Sides) -> Acting:
    """Return the rates that `by_side` gives, where every unit is a patient of its own."""
    (spared, alarms), (missed, hits) = sides.astype(np.int64).tolist()
    return Acting(
        site=site,
        sensitivity=proportion(hits, hits + missed, empty=NO_POSITIVES),
        specificity=proportion(spared, spared + alarms, empty=NO_NEGATIVES),
    )


def _rates(site: str, one: Predictions, threshold: float) -> Acting:
    return Acting(
        site=site,
        sensitivity=_named(sensitivity(one, threshold=threshold), NO_POSITIVES),
        specificity=_named(specificity(one, threshold=threshold), NO_NEGATIVES),
    )


def _named(rate: Estimate, empty: str) -> Estimate:
    return rate if rate.value is not None else Estimate(None, None, empty)
