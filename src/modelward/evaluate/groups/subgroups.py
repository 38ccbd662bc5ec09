"""One model in each group of patients: everywhere together, and site by site.

For every level of a group: AUC, sensitivity and false alarms at one threshold (together the
rates that equalised odds compares, Hardt et al. 2016, arXiv:1610.02413), and how much more
often the outcome happens than the model says (calibration in the large as a difference of
shares). A cell is site x level x outcome. Cells below the minimum are hidden, and others with
them, so that no margin gives them back (privacy/disclosure/suppression.py); figures of a
level are shown where both of its outcomes are, and otherwise nothing of it is: not the count,
not a rate, not the width of an interval.

Which differences are more than chance is gaps.py's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.core.counted import HIDDEN
from modelward.evaluate.estimate import Estimate, Interval, Z
from modelward.evaluate.measures import discrimination
from modelward.evaluate.patients import Patients, each_in_one, mean_error, numbered
from modelward.evaluate.predictions import Predictions, part, union
from modelward.privacy.disclosure.suppression import suppress

EVERYWHERE = ""
"""Name of all sites together."""

FEWEST = 10
"""Smallest cell that is shown, in patients."""

NORMAL = "normal, by unit"
BY_PATIENT = "normal, by patient"

Levels = Mapping[str, NDArray[np.int64]]
"""Site -> level of each of its test units, below 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScores:
    """One model on the units of one level of a group.

    Attributes:
        group: Name of the group, such as "sex".
        level: Name of the level.
        site: Whose units; "" for those of all sites.
        units: How many; None where the cell is hidden, and then nothing else is told.
        positives: Those whose outcome happened.
        auc: DeLong.
        sensitivity: At the threshold; Wilson.
        false_alarms: Share of negatives that get a yes; Wilson.
        beyond: Share with the outcome minus mean predicted probability; 0 is best, above 0
            means that the model says too little.
        patients: Whose units these are, where a patient has several; None, and no part of the
            file, otherwise.
    """

    group: str
    level: str
    site: str
    units: int | None
    positives: int | None
    auc: Estimate
    sensitivity: Estimate
    false_alarms: Estimate
    beyond: Estimate
    patients: Patients | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Divided:
    """One way to divide the units of all sites.

    Attributes:
        name: Of the group.
        levels: Their names, in order.
        members: Level of each unit, by site.
        edges: Of bands of a number, one more than levels; empty for other groups.
    """

    name: str
    levels: tuple[str, ...]
    members: Levels
    edges: tuple[float, ...] = ()


def group_scores(
    divided: Divided,
    by_site: Sequence[tuple[str, Predictions]],
    threshold: float,
    fewest: int = FEWEST,
) -> tuple[GroupScores, ...]:
    """Return the scores of every level: everywhere first, then site by site.

    Args:
        divided: Who is in which level.
        by_site: Site and the model's predictions on its test units.
        threshold: Probabilities from here on count as a yes.
        fewest: Smallest cell shown.
    """
    visible = shown(divided, by_site, fewest)
    everyone = union([one for _, one in by_site])
    whole = np.concatenate([divided.members[site] for site, _ in by_site])
    found = [
        _of(divided, EVERYWHERE, level, part(everyone, whole == level), threshold)
        if visible[-1, level]
        else untold(divided.name, divided.levels[level], EVERYWHERE, fewest)
        for level in range(len(divided.levels))
    ]
    for place, (site, one) in enumerate(by_site):
        for level in range(len(divided.levels)):
            here = part(one, divided.members[site] == level)
            told = visible[place, level]
            found.append(
                _of(divided, site, level, here, threshold)
                if told
                else untold(divided.name, divided.levels[level], site, fewest)
            )
    return tuple(found)


def worst_group(scores: Sequence[GroupScores]) -> GroupScores | None:
    """Return the level with the lowest AUC over all sites; None if none has one."""
    known = [one for one in scores if one.site == EVERYWHERE and one.auc.value is not None]
    return min(
        known, key=lambda one: (one.auc.value or 0.0, one.group, one.level), default=None
    )


def beyond(predictions: Predictions) -> tuple[float, float]:
    """Return mean outcome minus mean probability, and its standard error."""
    gap = predictions.outcome - predictions.probability
    if predictions.owner is not None:
        return float(gap.mean()), mean_error(gap, predictions.owner)
    return float(gap.mean()), float(gap.std(ddof=1)) / sqrt(gap.size)


def hidden(fewest: int) -> Estimate:
    """Return the figure of a level of which nothing is told."""
    return Estimate(None, None, f"not shown: a cell of fewer than {fewest}, or beside one")


def untold(group: str, level: str, site: str, fewest: int) -> GroupScores:
    """Return the scores of a level of which nothing is told."""
    nothing = hidden(fewest)
    return GroupScores(
        group=group,
        level=level,
        site=site,
        units=None,
        positives=None,
        auc=nothing,
        sensitivity=nothing,
        false_alarms=nothing,
        beyond=nothing,
    )


def _of(
    divided: Divided, site: str, level: int, found: Predictions, threshold: float
) -> GroupScores:
    value, error = beyond(found)
    method = NORMAL if found.owner is None else BY_PATIENT
    spread = Interval(value - Z * error, value + Z * error, method)
    return GroupScores(
        group=divided.name,
        level=divided.levels[level],
        site=site,
        units=len(found),
        positives=found.positives,
        auc=discrimination.auc(found),
        sensitivity=discrimination.yes_among(found, threshold, sick=True, empty=""),
        false_alarms=discrimination.yes_among(found, threshold, sick=False, empty=""),
        beyond=Estimate(value, spread),
        patients=found.patients,
    )


def shown(
    divided: Divided, by_site: Sequence[tuple[str, Predictions]], fewest: int
) -> NDArray[np.bool_]:
    """Return which levels may be told, [sites + 1, levels]; the last row is everywhere.

    Units without a level are one more level, so that those with one are not their difference
    from the site's total. Where one site is so small that no other can cover its cells, the
    levels of no site are told; those of all sites together still are, if they are large enough.

    Cells hold patients. One with units in several cells counts in one of them, the smallest so
    far, so that cells together never hold more than there are patients in them.
    """
    levels = len(divided.levels)
    table = np.zeros((len(by_site), levels + 1, 2), np.int64)
    for place, (site, one) in enumerate(by_site):
        mine = divided.members[site]
        at = np.where(mine < 0, levels, mine) * 2 + one.outcome
        if one.owner is not None:
            at = each_in_one(at, numbered(one.owner))
        table[place] = np.bincount(at, minlength=2 * levels + 2).reshape(-1, 2)
    found = suppress(table, fewest)
    if found is not None:
        return _large(found.counts[:, :levels, :2], fewest)
    told = np.zeros((len(by_site) + 1, levels), np.bool_)
    together = suppress(table.sum(axis=0), fewest)
    if together is not None:
        told[-1] = _large(together.counts[:levels, :2], fewest)
    return told


def _large(cells: NDArray[np.int64], fewest: int) -> NDArray[np.bool_]:
    """Return whether both outcomes of a level are shown and large enough, [..., levels]."""
    told: NDArray[np.bool_] = ((cells != HIDDEN) & (cells >= fewest)).all(axis=-1)
    return told
