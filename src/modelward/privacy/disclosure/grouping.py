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

import numpy as np

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
