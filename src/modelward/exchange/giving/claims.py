"""What a card says that its maker's patients could teach: bands, recalls, and what is missing.

Counts are in bands (bands.py), so that a card does not tell of single patients: subgroups and
makes of fewer than ten training units are not named, the period is in whole years. Recalls of
own validation have intervals, and are said only of classes with enough units.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import wilson
from modelward.exchange.documents.bands import KNOWN, band
from modelward.exchange.documents.card import Competence, Group, Judged
from modelward.exchange.institution.examples import Examples
from modelward.exchange.methods.probability import Labels

EQUIPMENT = "equipment"
"""The kind of subgroup that says with what an example was taken."""

FEATURE = "feature"
"""The kind of group that says how many training units have a measured feature."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a maker's training examples are of, besides classes.

    Attributes:
        groups: Subgroups, in bands.
        equipment: Makes.
        period: Whole years, from and to.
    """

    groups: tuple[Group, ...] = ()
    equipment: tuple[str, ...] = ()
    period: tuple[str, str] | None = None


def competence(
    labels: tuple[str, ...],
    units: Labels,
    validated: tuple[Labels, Labels] | None,
    least: int,
    beside: Seen = Seen(),
) -> Competence:
    """Return what so many training units could teach, judged on own validation.

    Args:
        labels: The label space.
        units: Training units of each class, or their noised numbers.
        validated: Classes of own validation, and what the model picked; None to tell nothing.
        least: Fewest validation units of a class that anything is said about.
        beside: What the training examples are of, besides classes.
    """
    bands = tuple(band(int(n)) for n in units)
    lacks = [label for label, edge in zip(labels, bands, strict=True) if edge < KNOWN]
    return Competence(
        labels=labels,
        units=bands,
        validation=() if validated is None else _judged(labels, *validated, least),
        groups=beside.groups,
        equipment=beside.equipment,
        period=beside.period,
        lacks=tuple(f"{label}: fewer than {KNOWN}" for label in lacks),
    )


def _judged(
    labels: tuple[str, ...], truth: Labels, picked: Labels, least: int
) -> tuple[Judged, ...]:
    """Return recalls with their intervals, of the classes with units enough."""
    found = []
    for cls, label in enumerate(labels):
        rows = truth == cls
        right, of = int((picked[rows] == cls).sum()), int(rows.sum())
        if of >= least:
            ends = wilson(right, of)
            low, high = round(ends.low, 2), round(ends.high, 2)
            found.append(Judged(label=label, recall=round(right / of, 2), low=low, high=high))
    return tuple(found)


def seen(own: Examples) -> Seen:
    """Return what training examples are of; subgroups and makes of few are not named."""
    known = {name: _known(each) for name, each in sorted(own.groups.items())}
    groups = tuple(
        Group(name=name, value=value, units=band(int((own.groups[name] == value).sum())))
        for name, values in known.items()
        if name != EQUIPMENT
        for value in values
    )
    return Seen((*groups, *_measured(own)), known.get(EQUIPMENT, ()), _years(own))


def _measured(own: Examples) -> tuple[Group, ...]:
    """Return the features that `KNOWN` training units or more have, as groups of `feature`."""
    counts = {name: int(has.sum()) for name, has in sorted(own.measured.items())}
    return tuple(
        Group(name=FEATURE, value=name, units=band(n))
        for name, n in counts.items()
        if n >= KNOWN
    )


def _known(said: NDArray[np.str_]) -> tuple[str, ...]:
    """Return the values that `KNOWN` training units or more have."""
    values, counts = np.unique(said, return_counts=True)
    return tuple(str(v) for v in values[counts >= KNOWN] if str(v))


def _years(own: Examples) -> tuple[str, str] | None:
    """Return the whole years that training examples are of; a date would be a patient's."""
    if own.times is None or np.isnat(own.times).all():
        return None
    years = own.times[~np.isnat(own.times)].astype("datetime64[Y]")
    ends = (years.min(), years.max() + 1)
    first, last = (f"{each}-01-01T00:00:00Z" for each in ends)
    return first, last
