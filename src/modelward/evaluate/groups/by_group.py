"""Groups of test units between institutions, from the rows that sites tell of each level.

A row is study/report_groups.py's. AUC of several hospitals together is the mean of theirs,
each weighted by what it knows: it compares patients of one hospital with each other, and not
those of two. Standard errors add as those of independent patients do. Groups are not crossed:
a unit is in one level of each group, and what it is in the others is not known here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import Estimate, Interval, Z, proportion, wilson
from modelward.evaluate.groups.gaps import Gap, GapMetric, Spread, spreads
from modelward.evaluate.groups.subgroups import EVERYWHERE, FEWEST, GroupScores, beyond, untold
from modelward.evaluate.groups.two_groups import compared_rates
from modelward.evaluate.measures.discrimination import error_of, placements
from modelward.evaluate.measures.multiplicity import ALPHA, holm, two_sided
from modelward.evaluate.measures.near_perfect import alone
from modelward.evaluate.patients import CLUSTERED, each_in_one, numbered
from modelward.evaluate.predictions import Floats, Predictions
from modelward.privacy.disclosure.levels import shown_levels
from modelward.study.judging import Grouping
from modelward.study.report_groups import Level, Row, level_of, row_of

WITHIN = "DeLong, within hospitals"
NORMAL = "normal, by unit"
NO_RATES = "a side of one half is too small at each hospital"
NO_AUC = "no AUC exists at any hospital"

Alike = tuple[float, float]
"""How many units count as one: of those without the outcome, and with it."""

EACH: Alike = (1.0, 1.0)

Found = tuple[Estimate, float]
"""A difference and its p value."""


@dataclass(frozen=True, slots=True)
class ByGroup:
    """What is known of one model in groups.

    Attributes:
        groups: Scores of every level.
        gaps: Levels against the rest, adjusted over all of them.
        spreads: Widest differences of every group.
    """

    groups: tuple[GroupScores, ...] = ()
    gaps: tuple[Gap, ...] = ()
    spreads: tuple[Spread, ...] = ()


def site_row(found: Predictions, decimals: int) -> Row:
    """Return what a site has to tell of one level, before its gate looks at it.

    Args:
        found: The federated model on the level's test units; may be nobody.
        decimals: To which figures are rounded.
    """
    if not len(found):
        return row_of(Level(0, 0, None, (0.0, 0.0), None), decimals)
    yes, auc = found.probability >= 0.5, None  # noqa: PLR2004 - as everywhere between sites
    if found.fewest_patients > 1:
        placed = placements(found)
        error, _ = error_of(placed.v10, placed.v01, found)
        auc = placed.auc, error or _unseen(placed.auc, found)
    value, doubt = beyond(found) if len(found) > 1 else (0.0, 0.0)
    rates = (
        found.negatives,
        found.positives,
        int(yes[~found.outcome].sum()),
        int(yes[found.outcome].sum()),
    )
    return row_of(Level(found.negatives, found.positives, auc, (value, doubt), rates), decimals)


def of_enough_patients(
    found: Predictions, level: NDArray[np.int64], levels: int
) -> NDArray[np.bool_]:
    """Return which levels a site offers to its gate, [levels]; all where units are patients.

    The gate counts units, because it does not know whose they are. So where patients have
    several, levels go before it whose cells, and those of the rest, have ten of them.

    Args:
        found: The federated model on the test units.
        level: Of every unit; below 0 for none.
        levels: How many there are.
    """
    if found.owner is None:
        return np.ones(levels, np.bool_)
    at = np.where(level < 0, levels, level) * 2 + found.outcome
    cells = np.bincount(each_in_one(at, numbered(found.owner)), minlength=2 * levels + 2)
    table = cells.reshape(-1, 2)
    return shown_levels(table.sum(axis=0), table[:levels], FEWEST)


def _unseen(auc: float, found: Predictions) -> float:
    """Return an error for an AUC without a variance, by Newcombe's interval (near_perfect.py).

    Sites that rank a level perfectly have to stay in the mean over sites: without them small
    levels, which are ranked perfectly most often, would look worse than they are.
    """
    known = found.patients
    sizes = (known.having, known.lacking) if known else (found.positives, found.negatives)
    low, high = alone(auc, *sizes)
    return max(auc - low, high - auc) / Z


def by_group(
    groupings: Sequence[Grouping],
    told: Mapping[str, Floats],
    *,
    alike: Mapping[str, Alike] | None = None,
    together: bool = False,
) -> ByGroup:
    """Return a model in groups.

    Args:
        groupings: The groups.
        told: Site -> rows of the levels of all groups, one group after the other.
        alike: Site, and "" for all, -> units for one that tells (site_figures.py), where
            patients have several units: rates are of that many fewer. Errors of AUC and of
            calibration are by patient already.
        together: Whether `told` has one entry for all sites, of which none is shown.
    """
    if not groupings or not told:
        return ByGroup()
    everywhere = np.sum(list(told.values()), axis=0)
    shown = {EVERYWHERE: everywhere, **({} if together else told)}
    less = alike or {}
    scores: list[GroupScores] = []
    found: list[tuple[Gap, float]] = []
    first = 0
    for grouping in groupings:
        places = range(first, first + len(grouping.levels))
        scores += [
            _scores(
                grouping.name,
                grouping.levels[place - first],
                site,
                (rows[place], less.get(site, EACH)),
            )
            for site, rows in shown.items()
            for place in places
        ]
        found += _gaps(
            grouping, everywhere[places.start : places.stop], less.get(EVERYWHERE, EACH)
        )
        first += len(grouping.levels)
    adjusted = holm({str(n): p for n, (_, p) in enumerate(found)})
    gaps = tuple(
        replace(gap, adjusted=adjusted[str(n)], kept=adjusted[str(n)] < ALPHA)
        for n, (gap, _) in enumerate(found)
    )
    return ByGroup(tuple(scores), gaps, spreads(scores))


def _scores(group: str, level: str, site: str, told: tuple[Row, Alike]) -> GroupScores:
    row, less = told
    said = level_of(row)
    if said is None:
        return untold(group, level, site, FEWEST)
    negatives, positives, alarms, hits = said.rates or (0, 0, 0, 0)
    return GroupScores(
        group=group,
        level=level,
        site=site,
        units=said.units,
        positives=said.positives,
        auc=Estimate(None, None, NO_AUC) if said.auc is None else _with(*said.auc, WITHIN),
        sensitivity=_rate(hits, positives, less[1]),
        false_alarms=_rate(alarms, negatives, less[0]),
        beyond=_with(*said.beyond, NORMAL),
    )


def _rate(hits: int, of: int, less: float) -> Estimate:
    """Return a share of which so many units count as one, with Wilson's interval."""
    if less == 1 or not of:
        return proportion(hits, of, empty=NO_RATES)
    ends = wilson(hits / less, of / less)
    return Estimate(hits / of, Interval(ends.low, ends.high, CLUSTERED))


def _gaps(grouping: Grouping, rows: Floats, less: Alike) -> list[tuple[Gap, float]]:
    """Return each shown level against the others; of two, the second against the first."""
    told = [n for n, row in enumerate(rows) if level_of(row) is not None]
    pair = len(told) == 2  # noqa: PLR2004 - then the second comparison is the first, turned
    found = []
    for level in told[-1:] if pair else told:
        others = [n for n in told if n != level]
        if not others:
            continue
        one, rest = level_of(rows[level]), level_of(rows[others].sum(axis=0))
        words = grouping.levels[others[0]] if len(others) == 1 else "all others"
        for metric, each in _compared(one, rest, less).items():
            gap = Gap(
                group=grouping.name,
                level=grouping.levels[level],
                others=words,
                metric=metric,
                difference=each[0],
                adjusted=1.0,
                kept=False,
            )
            found.append((gap, each[1]))
    return found


def _compared(one: Level | None, rest: Level | None, less: Alike) -> dict[GapMetric, Found]:
    """Return the comparisons that both sides have figures for."""
    found: dict[GapMetric, Found] = {}
    if one is None or rest is None:
        return found
    if one.auc is not None and rest.auc is not None:
        found["auc"] = _difference(one.auc, rest.auc, WITHIN)
    if one.rates is not None and rest.rates is not None:
        places: tuple[tuple[GapMetric, int, int], ...] = (
            ("sensitivity", 3, 1),
            ("false alarms", 2, 0),
        )
        for metric, hits, of in places:
            pairs = [
                (each[hits] / less[of], each[of] / less[of]) for each in (one.rates, rest.rates)
            ]
            method = "Newcombe" if less == EACH else "Newcombe, by patient"
            rated = compared_rates(pairs[0], pairs[1], method=method)
            if rated is not None:
                found[metric] = rated
    found["calibration"] = _difference(one.beyond, rest.beyond, NORMAL)
    return found


def _difference(one: tuple[float, float], rest: tuple[float, float], method: str) -> Found:
    value, error = one[0] - rest[0], sqrt(one[1] ** 2 + rest[1] ** 2)
    return _with(value, error, method), two_sided(value, error)


def _with(value: float, error: float, method: str) -> Estimate:
    return Estimate(value, Interval(value - Z * error, value + Z * error, method))
