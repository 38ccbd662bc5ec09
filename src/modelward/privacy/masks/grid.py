"""What is masked: whole numbers modulo 2^64, that no sum over sites can wrap.

    updates     [w k_1 ... w k_m, w]     x = k 2^-24, |x| < 2^7; total weight at most 2^31
    statistics  [low_1, high_1, ...]     x = (2^56 high + low) 2^-40, |x| < 2^62, low >= 0

The weight travels inside the sum, so the hub learns the mean and the total weight, and not
how many patients one site has. Statistics need 103 bits; a low limb of 56 bits leaves room
for the carries of 64 sites, so limbs are summed apart and joined afterwards.

Updates of a study that codes them are coded.py's, in narrower words.

The grids are those of aggregate/fixed_point.py, which sums without masks; a test holds one
to the other. What is off the grid or out of range is refused before it is masked: behind a
mask nobody could see it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32
from modelward.errors import BadUpdate

UPDATE_BITS = 24
UPDATE_RANGE_BITS = 7
MAX_WEIGHT = 2**31
"""Grid, range and total weight of updates."""

SUMS_BITS = 40
SUMS_RANGE_BITS = 62
LIMB_BITS = 56
"""Grid and range of statistics, and the width of their low limb."""

Words = NDArray[np.unsignedinteger[Any]]
"""Whole numbers modulo 2^64, or less where updates are coded (coded.py); negative ones in two's
complement."""


def largest_weight(sites: int) -> int:
    """Return the most patients one of `sites` sites may count for."""
    return MAX_WEIGHT // sites


def update_words(flat: FlatF32, weight: int, sites: int) -> Words:
    """Return `weight` times an update, and the weight, [size + 1].

    Args:
        flat: float32 on the grid of updates, [size].
        weight: Patients behind it, 1 to `largest_weight(sites)`.
        sites: Sites of the roster.

    Raises:
        BadUpdate: If the update is off the grid, not finite or out of range, or the weight is.
    """
    if not 1 <= weight <= largest_weight(sites):
        raise BadUpdate(
            f"weight {weight} in a masked sum over {sites} sites",
            why=f"so that no sum can wrap, weights go from 1 to {largest_weight(sites)}",
            remedy="check the number of patients, or agree on smaller weights in the study",
        )
    words = np.empty(flat.size + 1, np.int64)
    words[:-1] = whole_units(flat)
    words[:-1] *= weight
    words[-1] = weight
    return words.view(np.uint64)


def whole_units(flat: FlatF32) -> NDArray[np.int64]:
    """Return an update in units of 2^-24, [size].

    Raises:
        BadUpdate: If a value is off the grid of updates, not finite or out of range.
    """
    scaled = flat.astype(np.float64) * 2.0**UPDATE_BITS
    limit = 2.0 ** (UPDATE_BITS + UPDATE_RANGE_BITS)
    if not ((np.abs(scaled) < limit) & (np.rint(scaled) == scaled)).all():
        raise _off_grid(f"multiples of 2^-{UPDATE_BITS} below 2^{UPDATE_RANGE_BITS}")
    return scaled.astype(np.int64)


def read_update(total: Words) -> tuple[NDArray[np.int64], int]:
    """Return the summed update in units of 2^-24, [size], and the total weight.

    Raises:
        BadUpdate: If the total weight is not between 1 and `MAX_WEIGHT`, as when a mask is
            left in the sum.
    """
    signed = total.view(np.int64)
    weight = int(signed[-1])
    if not 1 <= weight <= MAX_WEIGHT:
        raise BadUpdate(
            f"a masked sum has the total weight {weight}",
            why=f"a sum without its masks has a weight from 1 to {MAX_WEIGHT}",
            remedy="repeat the round; if it happens again, a site does not follow the protocol",
        )
    return signed[:-1], weight


def sums_words(values: NDArray[np.float64]) -> Words:
    """Return statistics as two limbs each, [2 * size].

    Raises:
        BadUpdate: If a value is off the grid of 2^-40, not finite or out of range.
    """
    scaled = values.reshape(-1) * 2.0**SUMS_BITS
    limit = 2.0 ** (SUMS_BITS + SUMS_RANGE_BITS)
    if not ((np.abs(scaled) < limit) & (np.rint(scaled) == scaled)).all():
        raise _off_grid(f"multiples of 2^-{SUMS_BITS} below 2^{SUMS_RANGE_BITS}")
    low = (1 << LIMB_BITS) - 1
    limbs = [(whole & low, whole >> LIMB_BITS) for whole in map(int, scaled.tolist())]
    return np.array(limbs, np.int64).reshape(-1).view(np.uint64)


def read_sums(total: Words) -> NDArray[np.float64]:
    """Return the sums of statistics, [size], each correctly rounded to float64."""
    limbs = total.view(np.int64).reshape(-1, 2).tolist()
    unit = 1 << SUMS_BITS
    return np.array([((high << LIMB_BITS) + low) / unit for low, high in limbs], np.float64)


def _off_grid(grid: str) -> BadUpdate:
    return BadUpdate(
        "a value to be masked is not on the grid of sums",
        why=f"what is masked are finite {grid}; behind a mask nobody could check it",
        remedy="clip and round at the site before the artifact is formed",
    )
