"""The Gaussian mechanism in whole numbers: clip, sum, add noise.

For vectors v_i of patients i, clip norm C, grid g = C * 2^-23 and noise multiplier sigma:

    k_i = trunc(v_i * min(1, C / ||v_i||) / g)        whole numbers, ||k_i|| g <= C
    S   = g * (sum of k_i  +  rint(sigma * 2^23 * z))       z standard normal

(Abadi et al. 2016, arXiv:1607.00133, Algorithm 1, clipping and noise.) Truncation can only
shorten a vector, so one patient moves the sum by at most C, in any arithmetic. The sum is
of whole numbers in float64 below 2^53: exact, so neither order nor grouping is seen in it.
And as the sum is whole, sum + rint(noise) = rint(sum + noise): the release is a rounding of
the Gaussian mechanism, on a lattice that is the same for all data. No low bits leak.

What remains of floating point: a vector's own last bits may depend on which vectors were
computed beside it. `MARGIN` leaves room for that.

A patient whose vector is not finite counts as zero: one diverging patient must neither
spoil the sum for all nor be seen in a refusal. Where v_i come from is learn/dp.py's.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32
from modelward.errors import BadPrivacyTerms
from modelward.privacy.noise import Stream, gaussians

GRID_BITS = 23
"""A clipped vector has at most 2^23 units of length: whole numbers that float32 can hold."""

MARGIN = 2.0**-16
"""Vectors are clipped to (1 - MARGIN) C."""

MAX_VECTORS = 1 << 29
"""Largest number of vectors in one sum; with noise it stays below 2^53."""

COLUMNS = 1 << 11
"""Columns worked on at once: 64 rows of them stay in a level-2 cache."""


class ClippedSum:
    """A sum to which each vector adds at most the clip norm, exactly.

    Args:
        size: Elements of a vector.
        clip: C, the L2 norm that vectors are scaled down to; greater than 0.

    Raises:
        BadPrivacyTerms: If `clip` is not greater than 0 and finite.
    """

    def __init__(self, size: int, clip: float) -> None:
        if not 0.0 < clip < np.inf:
            raise BadPrivacyTerms(
                f"the clip norm is {clip}",
                why="without a bound on one patient's vector there is none on the release",
                remedy="set privacy.clip to the median norm of a patient's gradient",
            )
        self._total = np.zeros(size)
        self._clip = clip
        self._vectors = 0

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Add one vector per patient.

        Args:
            vectors: float32, [m, size]; overwritten by their whole numbers.

        Raises:
            BadPrivacyTerms: If the sum would have more than `MAX_VECTORS` vectors.
        """
        self._vectors += len(vectors)
        if self._vectors > MAX_VECTORS:
            raise BadPrivacyTerms(
                f"{self._vectors} vectors in one sum",
                why=f"beyond {MAX_VECTORS} the sum would no longer be exact",
                remedy="sample fewer patients per step",
            )
        scale = self._scale(vectors)
        vectors[scale == 0.0] = 0.0
        for start in range(0, self._total.size, COLUMNS):
            part = vectors[:, start : start + COLUMNS]
            np.multiply(part, scale[:, None], out=part)
            np.trunc(part, out=part)
            self._total[start : start + COLUMNS] += part.sum(axis=0, dtype=np.float64)

    def _scale(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the factor from each vector to its whole numbers; 0 if it is not finite."""
        square = np.zeros(len(vectors))
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, self._total.size, COLUMNS):
                part = vectors[:, start : start + COLUMNS].astype(np.float64)
                square += np.einsum("ij,ij->i", part, part)
        norm = np.sqrt(square)
        shortest = np.maximum(norm, self._clip * (1.0 - MARGIN))
        units = 2.0**GRID_BITS * (1.0 - MARGIN) / shortest
        return np.where(np.isfinite(norm), units, 0.0).astype(np.float32)

    @property
    def units(self) -> NDArray[np.float64]:
        """The sum in units of C * 2^-23: whole numbers, [size]."""
        return self._total

    def noised(self, sigma: float, stream: Stream) -> NDArray[np.float64]:
        """Return the sum with noise, [size], in the unit of the vectors.

        Args:
            sigma: Standard deviation of the noise divided by C.
            stream: Where the noise comes from; used once, for this sum.
        """
        return noised(self._total, 2.0**GRID_BITS, sigma, stream) * (
            self._clip * 2.0**-GRID_BITS
        )


def noised(
    whole: NDArray[np.float64], sensitivity: float, sigma: float, stream: Stream
) -> NDArray[np.float64]:
    """Return whole numbers plus rounded Gaussian noise of sigma * sensitivity.

    Args:
        whole: Sums in whole numbers, any shape, below 2^52.
        sensitivity: L2 norm that one patient can move `whole` by.
        sigma: The event's noise multiplier, greater than 0.
        stream: Where the noise comes from; used once.

    Raises:
        BadPrivacyTerms: If the noise is not positive, or so large that sums would no longer
            be exact.
    """
    deviation = sigma * sensitivity
    if not 0.0 < deviation < 2.0**48:
        raise BadPrivacyTerms(
            f"noise of {deviation:g} units",
            why="no noise is no bound, and from 2^48 units on the sum is no longer exact",
            remedy="use a noise multiplier above 0, or a coarser grid",
        )
    noise = gaussians(stream, whole.size)
    noise *= deviation
    np.rint(noise, out=noise)
    return whole + noise.reshape(whole.shape)


def to_whole(values: NDArray[np.float64], bound: float, bits: int) -> NDArray[np.float64]:
    """Return one patient's contribution to a statistic in units of bound * 2^-bits.

    Clips each value to +-bound and truncates, so that no value is made larger.
    """
    limit = float(1 << bits)
    found: NDArray[np.float64] = np.trunc(np.clip(values / bound, -1.0, 1.0) * limit) + 0.0
    return found


def sensitivity(size: int, bits: int) -> float:
    """Return the L2 norm that one patient's `to_whole` of `size` values can have."""
    return float(ceil(size**0.5 * 2**bits))


def step_of(noised_sum: NDArray[np.float64], expected: float) -> FlatF32:
    """Return the mean gradient of a step: the noised sum over the *expected* batch.

    The divisor is fixed by the plan (q times N). Dividing by the number of patients that
    were sampled would be a second, unpriced, look at them.
    """
    return (noised_sum / expected).astype(np.float32)
