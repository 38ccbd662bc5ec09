"""Which levels of a group may be told beside everybody, so that no difference is small.

Everybody minus all levels but one is that level, so cells that are large enough each are no
protection: whoever is not shown (levels that are hidden, and units in no level), taken
together, has to be nobody, or enough, in every cell as well. Levels are hidden, the smallest
first, until that holds (Hundepool et al. 2012, Statistical Disclosure Control, section 4.4:
secondary suppression; the rest is one cell here, because nothing within it is told).

Pure. Tables that have more than this one margin are suppression.py's.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.privacy.disclosure.suppression import Counts


def shown_levels(
    whole: Counts, levels: Counts, minimum: int, *, none_too: bool = False
) -> NDArray[np.bool_]:
    """Return which levels of a group may be told, [levels].

    Args:
        whole: Units in each cell, [cells]; such as those without and with the outcome.
        levels: The same in every level, [levels, cells]; a unit is in one level, or in none.
        minimum: Fewest units in a cell that is told.
        none_too: Whether a level of which nobody is in a cell is told; everybody's cells and
            the rest's may be empty in any case.

    Returns:
        None of them if there are more units in the levels than there are.
    """
    if (levels.sum(axis=0) > whole).any():
        return np.zeros(len(levels), np.bool_)
    enough = levels >= minimum
    shown: NDArray[np.bool_] = np.all(enough | (levels == 0) if none_too else enough, axis=1)
    shown &= levels.any(axis=1)
    while shown.any() and not _large(whole - levels[shown].sum(axis=0), minimum):
        sizes = np.where(shown, levels.sum(axis=1), np.iinfo(np.int64).max)
        shown[int(np.argmin(sizes))] = False
    return shown


def _large(counts: Counts, minimum: int) -> bool:
    """Return whether every count is 0, or `minimum` and more."""
    return bool(((counts == 0) | (counts >= minimum)).all())
