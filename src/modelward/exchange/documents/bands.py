"""Numbers of patients in bands: what a card may say of how many.

A band is named by its lower edge. Fewer than ten is one band, none included, so a card does
not tell that a hospital has seen a single patient of a kind (the gate's minimum cell). Where a
method needs a number, it takes the geometric middle of the band.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.exchange.families.family import Floats

EDGES = (0, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000)
"""Lower edges; the last band is open."""

KNOWN = EDGES[1]
"""Lower edge of the first band in which a class counts as seen."""

HIDDEN = 2.0
"""What a method takes for fewer than ten: too few to be asked about the class."""


def band(units: int) -> int:
    """Return the lower edge of the band that `units` falls into.

    >>> band(9), band(10), band(700)
    (0, 10, 500)
    """
    return max(edge for edge in EDGES if edge <= units)


def middle(edge: int) -> float:
    """Return the number that stands for a band.

    >>> middle(0), round(middle(10), 1)
    (2.0, 14.1)
    """
    if edge == 0:
        return HIDDEN
    above = [each for each in EDGES if each > edge]
    return float((edge * above[0]) ** 0.5) if above else float(edge)


def middles(edges: NDArray[np.intp] | tuple[int, ...]) -> Floats:
    """Return `middle` of each."""
    return np.array([middle(int(edge)) for edge in edges])


def fewest(min_cell: int) -> int:
    """Return the units of a class below which nothing is learnt for others.

    The policy's minimum cell, and at least what a card calls known: what it says is unknown
    was not learnt.
    """
    return max(min_cell, KNOWN)
