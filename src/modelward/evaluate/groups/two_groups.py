"""A figure in one group of patients minus that in another, with interval and p value.

Two groups have units of their own, so variances add:

    AUC            DeLong of both (measures/discrimination.py), Satterthwaite's freedom
    rates          Newcombe's interval of a difference (1998, Statistics in Medicine 17:873,
                   method 10); p by the pooled z test
    calibration    standard errors of mean outcome minus mean probability

Where patients have several units all of these go by patients, and one with units in both groups
adds a covariance (patients.py).
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from modelward.evaluate.estimate import Estimate, Interval, Z, t_quantile, wilson
from modelward.evaluate.groups.subgroups import BY_PATIENT, NORMAL, beyond
from modelward.evaluate.measures.discrimination import error_of, placements
from modelward.evaluate.measures.multiplicity import two_sided
from modelward.evaluate.patients import (
    mean_error,
    mean_parts,
    parts_of,
    shared,
    telling_units,
)
from modelward.evaluate.predictions import Floats, Predictions, part

DELONG, OBUCHOWSKI = "DeLong of two groups", "Obuchowski of two groups, by patient"

FEWEST_RANKED = 2
"""Patients of either outcome that a variance of AUC needs."""


def ranked(one: Predictions, rest: Predictions) -> tuple[Estimate, float] | None:
    """Return the difference of AUC; None where an outcome has fewer than 2 patients."""
    if min(one.fewest_patients, rest.fewest_patients) < FEWEST_RANKED:
        return None
    pair = one, rest
    placed = [placements(each) for each in pair]
    errors, freedoms = zip(
        *(error_of(p.v10, p.v01, each) for p, each in zip(placed, pair, strict=True)),
        strict=True,
    )
    parts = [
        None
        if each.owner is None
        else np.add(*parts_of(p.v10, p.v01, each.outcome, each.owner))
        for p, each in zip(placed, pair, strict=True)
    ]
    value, error = (
        placed[0].auc - placed[1].auc,
        _apart(pair, sum(e * e for e in errors), parts),
    )
    weight = sum(e**4 / f for e, f in zip(errors, freedoms, strict=True))
    freedom = error**4 / weight if weight else 1e9
    half = t_quantile(freedom) * error
    method = DELONG if one.owner is None else OBUCHOWSKI
    spread = Interval(value - half, value + half, method)
    return Estimate(value, spread), two_sided(value, error, freedom)


def _apart(
    pair: tuple[Predictions, Predictions],
    apart: float,
    parts: Sequence[Floats | None],
) -> float:
    """Return the error of a difference between two groups; some may be of the same patients.

    Args:
        pair: The groups.
        apart: Variance of the difference if the two had no patient in common.
        parts: What each patient adds to it; None where each unit is its own patient.
    """
    both = 0.0
    owners, (one, rest) = [each.owner for each in pair], parts
    if owners[0] is not None and owners[1] is not None and one is not None and rest is not None:
        both = shared((np.unique(owners[0]), one), (np.unique(owners[1]), rest))
    return sqrt(max(apart - 2 * both, 0.0))


def rated(
    pair: tuple[Predictions, Predictions], threshold: float, *, sick: bool
) -> tuple[Estimate, float] | None:
    """Return the difference in how many of one outcome get a yes."""
    chosen = [part(each, each.outcome == sick) for each in pair]
    yes = [each.probability >= threshold for each in chosen]
    if chosen[0].owner is None or chosen[1].owner is None:
        whole = [(int(each.sum()), each.size) for each in yes]
        return compared_rates(whole[0], whole[1])
    if not all(each.size for each in yes):
        return None
    owners = chosen[0].owner, chosen[1].owner
    telling = [telling_units(each, whose) for each, whose in zip(yes, owners, strict=True)]
    counts = [(float(y.mean()) * n, n) for y, n in zip(yes, telling, strict=True)]
    parts = [mean_parts(y.astype(np.float64), o) for y, o in zip(yes, owners, strict=True)]
    both = shared((np.unique(owners[0]), parts[0]), (np.unique(owners[1]), parts[1]))
    errors = [mean_error(y.astype(np.float64), o) for y, o in zip(yes, owners, strict=True)]
    alike = both / (errors[0] * errors[1]) if all(errors) else 0.0
    return compared_rates(
        counts[0], counts[1], min(max(alike, -1.0), 1.0), "Newcombe, by patient"
    )


def compared_rates(
    one: tuple[float, float],
    rest: tuple[float, float],
    alike: float = 0.0,
    method: str = "Newcombe",
) -> tuple[Estimate, float] | None:
    """Return the difference of two shares, hits of so many, with Newcombe's interval and p.

    Args:
        one: Hits, and of how many.
        rest: The same of the other group.
        alike: Correlation of the two shares: 0 unless they share patients (Zou and Donner
            2008, Statistics in Medicine 27:1693).
        method: As the interval names it.
    """
    (hits, n), (others, m) = one, rest
    if not n or not m:
        return None
    a, b = hits / n, others / m
    first, second = wilson(hits, n), wilson(others, m)

    def reach(mine: float, other: float) -> float:
        return sqrt(max(mine**2 + other**2 - 2 * alike * mine * other, 0.0))

    low = (a - b) - reach(a - first.low, second.high - b)
    high = (a - b) + reach(first.high - a, b - second.low)
    pooled = (hits + others) / (n + m)
    error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m - 2 * alike * sqrt(1 / n / m)))
    return Estimate(a - b, Interval(low, high, method)), two_sided(a - b, error)


def calibrated(one: Predictions, rest: Predictions) -> tuple[Estimate, float]:
    """Return the difference of mean outcome minus mean probability."""
    (a, first), (b, second) = beyond(one), beyond(rest)
    parts = [
        None if each.owner is None else mean_parts(each.outcome - each.probability, each.owner)
        for each in (one, rest)
    ]
    error = _apart((one, rest), first**2 + second**2, parts)
    half = Z * error
    method = NORMAL if one.owner is None else BY_PATIENT
    return Estimate(a - b, Interval(a - b - half, a - b + half, method)), two_sided(
        a - b, error
    )
