"""Differences between groups of patients that are more than chance.

Each level is compared with everybody else of its group (two levels: one comparison), over all
sites, on four figures: AUC, sensitivity, false alarms, and calibration in the large. These
are two separate groups of units, so variances add:

    AUC            DeLong of both (discrimination.py), Satterthwaite's freedom
    rates          Newcombe's interval of a difference (1998, Statistics in Medicine 17:873,
                   method 10); p by the pooled z test
    calibration    standard errors of mean outcome minus mean probability

Where patients have several units all of these go by patients, and one with units in both groups
adds a covariance (patients.py).

All comparisons of a report are adjusted together (multiplicity.py, Holm). What remains is a
difference between groups, in these sites: a group may differ because it goes to another
hospital, and the table by site is there to see that.

The equalised-odds gap is the larger of the widest differences in sensitivity and in false
alarms between two levels (Hardt et al. 2016); the pair is the one that differs most, so no
interval is given for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Literal

import numpy as np

from modelward.evaluate.estimate import Estimate, Interval, Z, t_quantile, wilson
from modelward.evaluate.groups.subgroups import (
    BY_PATIENT,
    EVERYWHERE,
    NORMAL,
    Divided,
    GroupScores,
    beyond,
)
from modelward.evaluate.measures.discrimination import error_of, placements
from modelward.evaluate.measures.multiplicity import ALPHA, holm, two_sided
from modelward.evaluate.patients import (
    mean_error,
    mean_parts,
    parts_of,
    shared,
    telling_units,
)
from modelward.evaluate.predictions import Floats, Predictions, part, union

GapMetric = Literal["auc", "sensitivity", "false alarms", "calibration"]

DELONG, OBUCHOWSKI = "DeLong of two groups", "Obuchowski of two groups, by patient"

FEWEST_RANKED = 2
"""Patients of either outcome that a variance of AUC needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One level against all others of its group.

    Attributes:
        group: Name of the group.
        level: The level.
        others: Whom it is compared with, in words.
        metric: On what.
        difference: The level minus the others.
        adjusted: p value after Holm's adjustment over all comparisons of the report.
        kept: Whether it is below 0.05: a difference that is more than chance.
    """

    group: str
    level: str
    others: str
    metric: GapMetric
    difference: Estimate
    adjusted: float
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The widest differences between two levels of a group, over all sites.

    Attributes:
        group: Name of the group.
        equalised_odds: The larger of the two below.
        sensitivity: Widest difference in sensitivity.
        false_alarms: Widest difference in false alarms.
        calibration: Widest difference in calibration in the large.
        levels: How many levels are shown and compared.
    """

    group: str
    equalised_odds: float
    sensitivity: float
    false_alarms: float
    calibration: float
    levels: int


def gaps(
    divisions: Sequence[Divided],
    by_site: Sequence[tuple[str, Predictions]],
    scores: Sequence[GroupScores],
    threshold: float,
) -> tuple[Gap, ...]:
    """Return every level against the rest, adjusted together.

    Args:
        divisions: The groups.
        by_site: Site and the model's predictions on its test units.
        scores: Those of the groups (subgroups.py): a level that is hidden everywhere is
            neither compared nor among the others.
        threshold: Of the two rates.
    """
    everyone = union([one for _, one in by_site])
    found: list[tuple[Gap, float]] = []
    for divided in divisions:
        told = [
            n
            for n, level in enumerate(divided.levels)
            for one in scores
            if (one.group, one.level, one.site) == (divided.name, level, EVERYWHERE)
            and one.units is not None
        ]
        whole = np.concatenate([divided.members[site] for site, _ in by_site])
        pair = len(told) == 2  # noqa: PLR2004 - then the second comparison is the first, turned
        for level in told[-1:] if pair else told:
            others = [n for n in told if n != level]
            if not others:
                continue
            one = part(everyone, whole == level)
            rest = part(everyone, np.isin(whole, others))
            words = divided.levels[others[0]] if len(others) == 1 else "all others"
            found += _compared(divided, level, words, (one, rest), threshold)
    adjusted = holm({str(place): p for place, (_, p) in enumerate(found)})
    return tuple(
        replace(gap, adjusted=adjusted[str(n)], kept=adjusted[str(n)] < ALPHA)
        for n, (gap, _) in enumerate(found)
    )


def spreads(scores: Sequence[GroupScores]) -> tuple[Spread, ...]:
    """Return the widest differences of every group with two shown levels or more."""
    found = []
    for group in dict.fromkeys(one.group for one in scores):
        told = [
            s
            for s in scores
            if (s.group, s.site) == (group, EVERYWHERE)
            and None not in {s.units, s.sensitivity.value, s.false_alarms.value}
        ]
        if len(told) < 2:  # noqa: PLR2004 - a difference has two ends
            continue
        hits, alarms, off = (
            float(np.ptp([getattr(one, name).value for one in told]))
            for name in ("sensitivity", "false_alarms", "beyond")
        )
        found.append(
            Spread(
                group=group,
                equalised_odds=max(hits, alarms),
                sensitivity=hits,
                false_alarms=alarms,
                calibration=off,
                levels=len(told),
            )
        )
    return tuple(found)


def _compared(
    divided: Divided,
    level: int,
    others: str,
    pair: tuple[Predictions, Predictions],
    threshold: float,
) -> list[tuple[Gap, float]]:
    """Return the four comparisons of a level with others, each with its p value."""
    one, rest = pair
    by_metric: dict[GapMetric, tuple[Estimate, float] | None] = {
        "auc": _ranked(one, rest),
        "sensitivity": _rated(pair, threshold, sick=True),
        "false alarms": _rated(pair, threshold, sick=False),
        "calibration": _calibrated(one, rest),
    }
    return [
        (
            Gap(
                group=divided.name,
                level=divided.levels[level],
                others=others,
                metric=metric,
                difference=each[0],
                adjusted=1.0,
                kept=False,
            ),
            each[1],
        )
        for metric, each in by_metric.items()
        if each is not None
    ]


def _ranked(one: Predictions, rest: Predictions) -> tuple[Estimate, float] | None:
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


def _rated(
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


def _calibrated(one: Predictions, rest: Predictions) -> tuple[Estimate, float]:
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
