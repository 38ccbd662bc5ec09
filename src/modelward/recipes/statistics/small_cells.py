"""Counts in which no cell holds a few: neighbours are merged, levels are hidden.

A cell of 1 to k - 1 units points at persons, so a site makes its own tables free of them
before they reach its gate, which refuses studies with a k below the site's own (docs/gate.md):

    along a line (time, histogram)   neighbouring cells are merged until every cell holds none
                                     or at least k; the merged count stands in the middle one,
                                     so tables of several sites still add up
    levels of a category             a small cell is hidden, and with it the next larger one,
                                     until the hidden ones together hold k or more, because
                                     their sum is known (complementary suppression)

Merging moves units within their merged cell and drops nobody.
"""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def merged_cells(line: Counts, least: int) -> NDArray[np.int64] | None:
    """Return, for each cell of a line, the cell in which its units stand after merging, [J].

    That is the middle one between the first and the last unit that are merged, so times move
    back as much as they move on.

    Args:
        line: Counts, [J].
        least: Fewest units in a cell.

    Returns:
        None if no merging helps: the whole line holds 1 to `least` - 1 units.
    """
    if 0 < int(line.sum()) < least:
        return None
    where = np.arange(len(line))
    full = np.flatnonzero(line)
    start = 0
    while start < len(full):
        held = np.cumsum(line[full[start:]])
        stop = start + int(np.searchsorted(held, least)) + 1
        if int(held[-1]) - int(held[stop - start - 1]) < least:  # the rest cannot stand alone
            stop = len(full)
        group = full[start:stop]
        where[group] = (group[0] + group[-1]) // 2
        start = stop
    return where


def merge(line: Counts, where: NDArray[np.int64]) -> Counts:
    """Return a line of counts with every unit in the cell that `where` names."""
    return np.bincount(where, weights=line, minlength=len(line)).astype(np.int64)


def hidden_levels(counts: Counts, least: int) -> NDArray[np.bool_]:
    """Return which levels of one table of counts have to be hidden, [L].

    Args:
        counts: Units in each level; their sum is known to whoever reads the table.
        least: Fewest units in a cell that is shown.
    """
    hidden = (counts > 0) & (counts < least)
    while hidden.any() and (int(counts[hidden].sum()) < least or hidden.sum() == 1):
        open_ones = np.flatnonzero(~hidden & (counts > 0))
        if not open_ones.size:
            break
        hidden[open_ones[np.argmin(counts[open_ones])]] = True
    return hidden


def hidden_groups(sizes: Counts, broken: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Return which groups of a site cannot be shown, [G]: the broken, and what those ask for.

    Args:
        sizes: Units in each group; their sum is known.
        broken: Groups whose tables cannot be shown whatever is merged.
        least: Fewest units in a group that is shown.
    """
    shown = np.where(broken, 0, sizes)
    small = (sizes > 0) & (sizes < least)
    hidden = broken | small
    while hidden.any() and 0 < int(sizes[hidden].sum()) < least:
        open_ones = np.flatnonzero(~hidden & (shown > 0))
        if not open_ones.size:
            break
        hidden[open_ones[np.argmin(sizes[open_ones])]] = True
    return hidden
