"""Rows that equal others in everything a study asks for: an export that was appended to itself.

Few coarse columns repeat by themselves: of 300 patients with an age in years, three stages and
a treatment, a third equals another one. So pairs of equal rows are held against the pairs that
chance would make if columns did not hang together (the product over columns of the chance that
two rows agree in one).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelward.readers.plausible import Told
from modelward.readers.tables.cells import distinct

COPIED = 0.2
"""Share of rows that may equal an earlier one in every feature and the outcome."""

BY_CHANCE = 5.0
"""Times the pairs of chance from which equal rows are told; columns do hang together."""

FEWEST_COLUMNS = 4
"""Columns, the outcome among them, below which rows are not compared."""


def copies(columns: Sequence[NDArray[np.float64]]) -> list[Told]:
    """Return the warning that rows are copies, if there are more than chance explains.

    Args:
        columns: Of those who take part, each [units], NaN where missing; the outcome last.
    """
    if len(columns) < FEWEST_COLUMNS:
        return []
    prints = _prints(columns)
    units = len(prints)
    repeated = units - distinct(prints)
    if repeated <= COPIED * units:
        return []
    chance = float(np.prod([_agreeing(column) for column in columns]))
    if _agreeing(prints) < BY_CHANCE * chance:
        return []
    says = f"{repeated} of {units} units equal another one in every feature"
    return [("warning", "patient", says, "was the export appended to itself under new ids?")]


def _agreeing(values: NDArray[np.float64] | NDArray[np.uint64]) -> float:
    """Return the share of pairs of rows that have the same value, missing ones alike."""
    _, counts = np.unique(values, return_counts=True)
    among = counts.astype(np.float64)
    units = float(len(values))
    return float((among * (among - 1)).sum() / (units * (units - 1)))


def _prints(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.uint64]:
    """Return 64 bits for every unit, the same for the same values.

    Mixed as by splitmix64 (Steele et al. 2014), so different units meet by chance only.
    """
    found = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        bits = np.where(np.isnan(column), -1e308, column + 0.0).view(np.uint64)
        found = (found ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        found ^= found >> np.uint64(29)
    return found
