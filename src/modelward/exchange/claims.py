"""What a card says that its maker's patients could teach: bands, recalls, and what is missing.

Counts are in bands (bands.py), so that a card does not tell of single patients: subgroups and
makes of fewer than ten training units are not named, the period is in whole years. Recalls of
own validation have intervals, and are said only of classes with enough units.
"""

import numpy as np

from modelward.evaluate.estimate import wilson
from modelward.exchange.bands import KNOWN, band
from modelward.exchange.card import Competence, Group, Judged
from modelward.exchange.examples import Examples
from modelward.exchange.probability import Labels

EQUIPMENT = "equipment"
"""The kind of subgroup that says with what an example was taken."""


def competence(
    labels: tuple[str, ...], own: Examples, picked: Labels, least: int
) -> Competence:
    """Return what own examples could teach, judged on own validation.

    Args:
        labels: The label space.
        own: Own examples.
        picked: What the model says of the validation examples.
        least: Fewest validation units of a class that anything is said about.
    """
    truth, units = own.valid_y, np.bincount(own.y, minlength=len(labels))
    judged = []
    for cls, label in enumerate(labels):
        rows = truth == cls
        if rows.sum() >= least:
            right, of = int((picked[rows] == cls).sum()), int(rows.sum())
            ends = wilson(right, of)
            judged.append(
                Judged(
                    label=label,
                    recall=round(right / of, 2),
                    low=round(ends.low, 2),
                    high=round(ends.high, 2),
                )
            )
    bands = tuple(band(int(n)) for n in units)
    lacks = [label for label, edge in zip(labels, bands, strict=True) if edge < KNOWN]
    return Competence(
        labels=labels,
        units=bands,
        validation=tuple(judged),
        groups=groups_of(own),
        equipment=_known(own).get(EQUIPMENT, ()),
        period=_years(own),
        lacks=tuple(f"{label}: fewer than {KNOWN}" for label in lacks),
    )


def groups_of(own: Examples) -> tuple[Group, ...]:
    """Return the subgroups with training units enough to be told of, in bands."""
    return tuple(
        Group(name=name, value=value, units=band(int((own.groups[name] == value).sum())))
        for name, values in _known(own).items()
        if name != EQUIPMENT
        for value in values
    )


def _known(own: Examples) -> dict[str, tuple[str, ...]]:
    """Return kind of subgroup -> values of `KNOWN` training units or more."""
    found = {}
    for name, each in sorted(own.groups.items()):
        values, counts = np.unique(each, return_counts=True)
        found[name] = tuple(str(v) for v in values[counts >= KNOWN] if str(v))
    return found


def _years(own: Examples) -> tuple[str, str] | None:
    """Return the whole years that training examples are of; a date would be a patient's."""
    if own.times is None or np.isnat(own.times).all():
        return None
    years = own.times[~np.isnat(own.times)].astype("datetime64[Y]")
    ends = (years.min(), years.max() + 1)
    first, last = (f"{each}-01-01T00:00:00Z" for each in ends)
    return first, last
