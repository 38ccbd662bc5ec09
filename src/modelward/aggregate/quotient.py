"""Whole numbers divided and rounded once, to the nearest float32.

float64 division rounds once and a cast to float32 a second time; here the few quotients for
which that is not the nearest float32 are found and done again in rational arithmetic.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32

_HALFWAY = 1 << 28  # the low 29 bits of a float64 halfway between two float32


def quotient(total: NDArray[np.int64], divisor: int) -> FlatF32:
    """Return total / divisor, correctly rounded to float32, ties to even.

    float64 division rounds once and float32 a second time. The second goes wrong only if the
    first landed exactly halfway between two float32 without being exact, or if `total` has
    no float64; those few are done again in rational arithmetic.
    """
    found = total.astype(np.float64) / float(divisor)
    rounded = found.astype(np.float32)
    odd = divisor // (divisor & -divisor)
    halfway = (found.view(np.int64) & ((1 << 29) - 1)) == _HALFWAY
    doubtful = halfway | (np.abs(total) > 1 << 53)
    for place in np.flatnonzero(doubtful):
        if int(total[place]) % odd or abs(int(total[place])) > 1 << 53:
            rounded[place] = _nearest(Fraction(int(total[place]), divisor), rounded[place])
    return rounded


def _nearest(exact: Fraction, guess: np.float32) -> np.float32:
    """Return the float32 nearest to `exact`, which is `guess` or a neighbour of it."""
    below = np.nextafter(guess, np.float32(-np.inf))
    above = np.nextafter(guess, np.float32(np.inf))

    def distance(candidate: np.float32) -> tuple[Fraction, int]:
        # The second entry breaks ties towards an even last bit.
        return abs(Fraction(float(candidate)) - exact), int(candidate.view(np.int32)) & 1

    return min((below, guess, above), key=distance)
