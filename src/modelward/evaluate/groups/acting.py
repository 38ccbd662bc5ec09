"""What acting at the chosen threshold means: sensitivity and specificity on test units.

The threshold was chosen on validation counts (threshold.py) before a test unit was looked at,
so these rates are not those of the luckiest threshold. Wilson intervals; they do not hold what
another choice of threshold would have brought.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.groups.subgroups import EVERYWHERE
from modelward.evaluate.measures.discrimination import sensitivity, specificity
from modelward.evaluate.predictions import Predictions, union


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


def _rates(site: str, one: Predictions, threshold: float) -> Acting:
    return Acting(
        site=site,
        sensitivity=_named(sensitivity(one, threshold=threshold), "nobody has the outcome"),
        specificity=_named(specificity(one, threshold=threshold), "everybody has the outcome"),
    )


def _named(rate: Estimate, empty: str) -> Estimate:
    return rate if rate.value is not None else Estimate(None, None, empty)
