"""Histograms of few units are made coarser until no cell points at a person.

Microaggregation of one ordered quantity (Defays and Nanopoulos 1993; Domingo-Ferrer and
Mateo-Sanz 2002, IEEE TKDE 14(1)): the units of a row, in the order of their bins, are split
into groups of at least `minimum` neighbours, and all of a group are counted in the bin of
their mean. What leaves is again a histogram with the same bins and totals; each cell holds
nobody, or `minimum` units and more. Rows in which that holds already are left as they are.

Groups do not reach over the middle of the bins where both sides have units enough, so a
count on either side of one half stays what it was; nor over a threshold at which a row is to be
cut, which comes first where both cannot be had (`separable`). Elsewhere figures from the
histogram move a little: docs/statistics.md says by how much.

A row whose total is small cannot be shown: nor can the other rows, because the number of all
units is on the card. Tables without an order are suppression.py's.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from modelward.privacy.disclosure.suppression import Counts

Cuts = Sequence[int | None]
"""For each row, how many of its units lie below a threshold; None for no cut."""


def small_cells(counts: Counts, minimum: int) -> int:
    """Return how many cells have at least one unit and fewer than `minimum`."""
    return int(np.count_nonzero((counts > 0) & (counts < minimum)))


def separable(row: Counts, cut: int, minimum: int, *, middle: bool) -> bool:
    """Return whether groups of `minimum` units can end at a cut.

    Args:
        row: Units by ordered bin, [bins].
        cut: Units below the threshold, which may lie within a bin.
        minimum: Fewest units in a group.
        middle: Whether groups have to end at one half as well, where they would without a cut,
            since that count is told elsewhere.
    """
    total, half = int(row.sum()), int(row[: row.size // 2].sum())
    if not 0 <= cut <= total:
        return False
    if not middle or (small_cells(row, minimum) and 0 < min(half, total - half) < minimum):
        half = 0  # groups may reach over one half
    return not small_cells(_between(half, cut, total), minimum)


def _between(half: int, cut: int, total: int) -> Counts:
    """Return how many units lie between both ends, one half and a cut."""
    return np.diff(np.sort(np.array([0, half, cut, total])))


def divided(row: Counts, cut: int) -> Counts:
    """Return a row with the bin in which a cut lies as two, [bins + 1]."""
    ends = np.concatenate([[0], np.cumsum(row)])
    return np.diff(np.sort(np.append(ends, cut)))


def grouped(counts: Counts, minimum: int, cuts: Cuts | None = None) -> Counts | None:
    """Return `counts` with `minimum` units or none in every cell.

    Args:
        counts: Units by row and ordered bin, [rows, bins], none negative.
        minimum: Fewest units in a cell, at least 1.
        cuts: Where groups of each row end besides, each `separable`; nowhere if absent.

    Returns:
        The same totals of rows; None if a row has units and fewer than `minimum`.
    """
    totals = counts.sum(axis=1)
    if ((totals > 0) & (totals < minimum)).any():
        return None
    return np.stack(
        [
            row
            if not small_cells(row if cut is None else divided(row, cut), minimum)
            else _coarser(row, minimum, cut)
            for row, cut in zip(counts, cuts or [None] * len(counts), strict=True)
        ]
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


def _coarser(row: Counts, minimum: int, cut: int | None) -> Counts:
    """Return one row in groups."""
    bins = np.repeat(np.arange(row.size), row)
    half = int(row[: row.size // 2].sum())
    if 0 < min(half, bins.size - half) < minimum:
        half = 0
    if cut is not None and small_cells(_between(half, cut, bins.size), minimum):
        half = 0  # the threshold that was signed comes first
    found = np.zeros_like(row)
    for first, last in pairwise(sorted((0, half, half if cut is None else cut, bins.size))):
        part = bins[first:last]
        if part.size:
            for group in np.array_split(part, part.size // minimum):
                found[int(group.mean() + 0.5)] += group.size
    return found
