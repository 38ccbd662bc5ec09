"""Test units by outcome on either side of the chosen threshold: no side of a few persons.

    acting    [2, 2]    without and with the outcome; below the threshold, and from it on

An outcome of which nothing can be told is a row of nobody: its units are in the histogram
beside it, which has no small cells either. Both together tell how the bin that the threshold
lies in is divided, so its two parts are cells as well. Where the histogram is made coarser, its
groups of neighbours end at the threshold (privacy/disclosure/grouping.py), or nothing of that
outcome is told. They may then reach over one half, unless levels of groups tell that count.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import Tensors
from modelward.privacy.disclosure.grouping import Cuts, divided, separable, small_cells
from modelward.study.answers import SCORE_BINS
from modelward.study.report_answer import ACTING
from modelward.study.report_cells import GROUPS

HISTOGRAM = "counts.federated"


def cuts_of(tensors: Tensors, minimum: int) -> Cuts | None:
    """Return how many units of each outcome lie below the threshold; None where untold.

    None as a whole where nothing was asked, or a table is none of whole numbers.
    """
    if ACTING not in tensors or not (_whole(tensors[ACTING]) and _whole(tensors[HISTOGRAM])):
        return None
    rows = tensors[HISTOGRAM].astype(np.int64)
    return tuple(
        int(below)
        if row.sum() == below + above
        and separable(row, int(below), minimum, middle=GROUPS in tensors)
        else None
        for row, (below, above) in zip(rows, tensors[ACTING], strict=True)
    )


def shown(tensors: Tensors, cuts: Cuts) -> NDArray[np.float64]:
    """Return the table with nobody in the rows of which nothing is told."""
    told = np.array([[cut is not None] for cut in cuts])
    return np.where(told, tensors[ACTING], 0.0)


def objections(tensors: Tensors, edge: int | None, minimum: int) -> list[str]:
    """Return what speaks against a table and the histogram beside it, in words.

    Args:
        tensors: What a site tells; of proper shapes.
        edge: The threshold in 1 / SCORE_BINS; None where the hub has chosen none.
        minimum: Fewest persons in a cell.
    """
    if ACTING not in tensors:
        return []
    table, rows = tensors[ACTING], tensors[HISTOGRAM]
    if not (_whole(table) and _whole(rows)):
        return [f"{ACTING} has values that are not numbers of persons"]
    if edge is None:
        return (
            [f"{ACTING} tells of a threshold, and none was asked about"] if table.any() else []
        )
    found = [
        _row(row.astype(np.int64), sides.astype(np.int64), edge, minimum)
        for row, sides in zip(rows, table, strict=True)
    ]
    return [f"{ACTING} {each}" for each in dict.fromkeys(found) if each]


def _row(row: NDArray[np.int64], sides: NDArray[np.int64], edge: int, minimum: int) -> str:
    """Return what is wrong with one outcome; "" if nothing is, or nothing is told of it."""
    if not sides.any():
        return ""
    if sides.sum() != row.sum():
        return f"adds up to {sides.sum():,}, and {row.sum():,} are in the histogram"
    place, ends = edge * row.size // SCORE_BINS, np.concatenate([[0], np.cumsum(row)])
    if not ends[place] <= sides[0] <= ends[min(place + 1, row.size)]:
        return "puts other units below the threshold than the histogram"
    few = small_cells(divided(row, int(sides[0])), minimum) or small_cells(sides, minimum)
    return f"has {few} cells of 1 to {minimum - 1} persons" if few else ""


def _whole(values: NDArray[Any]) -> bool:
    return bool(((values >= 0) & (values < 2.0**40) & (values == np.rint(values))).all())
