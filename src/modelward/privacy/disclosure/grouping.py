"""Histograms of few units are made coarser until no cell points at a person.

Microaggregation of one ordered quantity (Defays and Nanopoulos 1993; Domingo-Ferrer and
Mateo-Sanz 2002, IEEE TKDE 14(1)): the units of a row, in the order of their bins, are split
into groups of at least `minimum` neighbours, and all of a group are counted in the bin of
their mean. What leaves is again a histogram with the same bins and totals; each cell holds
nobody, or `minimum` units and more. Rows in which that holds already are left as they are.

Groups do not reach over the middle of the bins where both sides have units enough, so a
count on either side of one half stays what it was. Elsewhere figures from the histogram move
a little: docs/statistics.md says by how much.

A row whose total is small cannot be shown: nor can the other rows, because the number of all
units is on the card. Tables without an order are suppression.py's.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modelward.privacy.disclosure.suppression import Counts


def small_cells(counts: Counts, minimum: int) -> int:
    """Return how many cells have at least one unit and fewer than `minimum`."""
    return int(np.count_nonzero((counts > 0) & (counts < minimum)))


def grouped(counts: Counts, minimum: int) -> Counts | None:
    """Return `counts` with `minimum` units or none in every cell.

    Args:
        counts: Units by row and ordered bin, [rows, bins], none negative.
        minimum: Fewest units in a cell, at least 1.

    Returns:
        The same totals of rows; None if a row has units and fewer than `minimum`.
    """
    totals = counts.sum(axis=1)
    if ((totals > 0) & (totals < minimum)).any():
        return None
    return np.stack(
        [row if not small_cells(row, minimum) else _coarser(row, minimum) for row in counts]
    )


def grouped_by_patient(
    bins: NDArray[np.int64], owner: NDArray[np.intp], of: int, minimum: int
) -> NDArray[np.int64]:
    """Return the bin of each unit of one row, with `minimum` patients or nobody in each.

    As `grouped`, where several units are of one patient: a group of neighbours ends when units
    of enough patients are in it, and of enough are left.

    Args:
        bins: Of every unit, [n], from 0.
        owner: Patient of every unit, [n].
        of: How many bins there are.
        minimum: Fewest patients in a bin; a row of fewer is one group.
    """
    if all(np.unique(owner[bins == one]).size >= minimum for one in np.unique(bins)):
        return bins
    order = np.argsort(bins, kind="stable")
    below = int(np.count_nonzero(bins < of // 2))
    sides = [order[:below], order[below:]]
    if any(0 < np.unique(owner[side]).size < minimum for side in sides):
        sides = [order]
    found = bins.copy()
    for side in sides:
        for group in _groups(side, owner, minimum):
            found[group] = int(bins[group].mean() + 0.5)
    return found


def _groups(
    units: NDArray[np.intp], owner: NDArray[np.intp], minimum: int
) -> Iterator[NDArray[np.intp]]:
    """Yield neighbours of `minimum` patients or more; all of them where there are fewer."""
    after, seen = np.zeros(units.size + 1, np.int64), set[int]()
    for place in range(units.size - 1, -1, -1):
        seen.add(int(owner[units[place]]))
        after[place] = len(seen)
    start, held = 0, set[int]()
    for place, unit in enumerate(units):
        held.add(int(owner[unit]))
        if len(held) >= minimum and after[place + 1] >= minimum:
            yield units[start : place + 1]
            start, held = place + 1, set()
    if start < units.size:
        yield units[start:]


def _coarser(row: Counts, minimum: int) -> Counts:
    """Return one row in groups."""
    bins = np.repeat(np.arange(row.size), row)
    below = int(row[: row.size // 2].sum())
    parts = [bins[:below], bins[below:]]
    if min(part.size for part in parts) < minimum and all(part.size for part in parts):
        parts = [bins]
    found = np.zeros_like(row)
    for part in parts:
        if part.size:
            for group in np.array_split(part, part.size // minimum):
                found[int(group.mean() + 0.5)] += group.size
    return found
