"""Clipped outer products, summed exactly without ever being written out.

The gradient of one example for the weights of a dense layer is an outer product d (x) a of
what comes back and what went in (Goodfellow 2015, arXiv:1510.01799). Its norm is |d| |a|,
and a sum over patients is one matrix product. For that sum to be exact, factors are whole:

    a_q = rint(2^22 a / |a|)               so |a_q| is about 2^22; h = |a| / 2^22
    v   = d (x) h a_q                      the patient's vector in this layer, by definition
    d_q = trunc(2^22 d (s |a|) / C)        s from the norm of the whole vector, so s |v| <= C
    sum of d_q (x) a_q                     whole numbers, in units of C 2^-44

Truncation can only shorten, so a patient adds at most C, as in mechanism.py, which this
belongs to. Products of a batch stay below 2^53 and are exact in float64, in any order;
batches are added in int64.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.recipes.gradients.factors import Factors

FACTOR_BITS = 22
"""Bits of each factor."""

UNIT_BITS = 2 * FACTOR_BITS
"""The sum is in units of C * 2^-44."""

MAX_OUTER = 1 << 18
"""Largest number of patients in one sum; with noise it stays below 2^63."""

MAX_BATCH = 1 << 8
"""Largest number of patients added at once: their sum is exact in float64."""


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """`Factors` after the inputs were made whole.

    Attributes:
        d: As given, [m, out], float64.
        a: a_q, whole numbers, [m, seen], float64; 0 where the input was 0 or not finite.
        length: |a| of each patient, [m].
        square: Squared norm of each patient's vector in this layer, [m]; may be infinite or
            not a number, and the patient then counts as zero.
    """

    d: NDArray[np.float64]
    a: NDArray[np.float64]
    length: NDArray[np.float64]
    square: NDArray[np.float64]


def whole(factors: Factors) -> Whole:
    """Return `factors` with whole inputs, and the norms that follow from these."""
    d, a = factors.d.astype(np.float64), factors.a.astype(np.float64)
    with np.errstate(all="ignore"):
        length = np.sqrt(np.einsum("ij,ij->i", a, a))
        a *= (2.0**FACTOR_BITS / length)[:, None]
        np.rint(a, out=a)
        a[~(np.isfinite(length) & (length > 0.0))] = 0.0
        size = np.einsum("ij,ij->i", a, a) * (length * 2.0**-FACTOR_BITS) ** 2
        square = np.einsum("ij,ij->i", d, d) * size
    return Whole(d, a, length, square)


def added(total: NDArray[np.int64], part: Whole, scale: NDArray[np.float64]) -> None:
    """Add one layer's clipped outer products to `total`, in place.

    Args:
        total: In units of C * 2^-44, [out, seen].
        part: Of at most `MAX_BATCH` patients.
        scale: s / C of each patient, [m]; 0 for one whose vector is not finite.
    """
    with np.errstate(all="ignore"):
        d = part.d * (scale * part.length * 2.0**FACTOR_BITS)[:, None]
    d[scale == 0.0] = 0.0
    np.trunc(d, out=d)
    total += (d.T @ part.a).astype(np.int64)
