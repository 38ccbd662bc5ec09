"""Differences between groups of patients that are more than chance.

Each level is compared with everybody else of its group (two levels: one comparison), over all
sites, on four figures: AUC, sensitivity, false alarms, and calibration in the large
(two_groups.py).

All comparisons of a report are adjusted together (multiplicity.py, Holm). What remains is a
difference between groups, in these sites: a group may differ because it goes to another
hospital, and the table by site is there to see that.

The equalised-odds gap is the larger of the widest differences in sensitivity and in false
alarms between two levels (Hardt et al. 2016); the pair is the one that differs most, so no
interval is given for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.groups.subgroups import EVERYWHERE, Divided, GroupScores
from modelward.evaluate.groups.two_groups import calibrated, ranked, rated
from modelward.evaluate.measures.multiplicity import ALPHA, holm
from modelward.evaluate.predictions import Predictions, part, union

GapMetric = Literal["auc", "sensitivity", "false alarms", "calibration"]


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
        "auc": ranked(one, rest),
        "sensitivity": rated(pair, threshold, sick=True),
        "false alarms": rated(pair, threshold, sick=False),
        "calibration": calibrated(one, rest),
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
