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
spoil the sum for all nor be seen in a refusal. Where v_i come from is learn/dp.py's; dense
layers may come as factors (outer.py), on a finer lattice that is again the same for all data.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32
from modelward.errors import BadPrivacyTerms
from modelward.privacy import outer
from modelward.privacy.noise import Stream, gaussians
from modelward.privacy.outer import MAX_BATCH, MAX_OUTER, UNIT_BITS
from modelward.recipes.gradients.factors import Block, Factors

GRID_BITS = 23
"""A clipped vector has at most 2^23 units of length: whole numbers that float32 can hold."""

MARGIN = 2.0**-16
"""Vectors are clipped to (1 - MARGIN) C."""

OUTER_MARGIN = 2.0**-12
"""The same for sums with factors: a last bit that rounds otherwise moves more there."""

MAX_VECTORS = 1 << 29
"""Largest number of vectors in one sum; with noise it stays below 2^53."""

COLUMNS = 1 << 11
"""Columns worked on at once: 64 rows of them stay in a level-2 cache."""


class ClippedSum:
    """A sum to which each vector adds at most the clip norm, exactly.

    Args:
        size: Elements of a vector.
        clip: C, the L2 norm that vectors are scaled down to; greater than 0.
        blocks: Columns that may come as factors, in order; fixed by the model, never by data.

    Raises:
        BadPrivacyTerms: If `clip` is not greater than 0 and finite.
    """

    def __init__(self, size: int, clip: float, blocks: Sequence[Block] = ()) -> None:
        if not 0.0 < clip < np.inf:
            raise BadPrivacyTerms(
                f"the clip norm is {clip}",
                why="without a bound on one patient's vector there is none on the release",
                remedy="set privacy.clip to the median norm of a patient's gradient",
            )
        self._total = np.zeros(size)
        self._clip = clip
        self._vectors = 0
        self.size, self.blocks = size, tuple(blocks)
        self._fine = [np.zeros((each.out, each.seen), np.int64) for each in blocks]
        self._margin = OUTER_MARGIN if blocks else MARGIN
        self._most = MAX_OUTER if blocks else MAX_VECTORS
        edges = [0, *(edge for each in blocks for edge in (each.start, each.stop)), size]
        self._apart = _pieces(list(zip(edges[::2], edges[1::2], strict=True)))
        self._all = _pieces([(0, size)])

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Add one vector per patient.

        Args:
            vectors: float32, [m, size]; overwritten by their whole numbers.

        Raises:
            BadPrivacyTerms: If the sum would have more than `MAX_VECTORS` vectors, or
                `MAX_OUTER` where there are blocks.
        """
        self._count(len(vectors))
        square = _squares(vectors, self._all)
        self._add(vectors, self._all, self._scale(square))

    def add_factored(self, vectors: NDArray[np.float32], factors: Sequence[Factors]) -> None:
        """Add one vector per patient whose blocks come as factors.

        Args:
            vectors: float32, [m, size], m at most `MAX_BATCH`; what is in the columns of
                blocks is not read, the others are overwritten.
            factors: One for each block, in order.

        Raises:
            BadPrivacyTerms: As `add`.
        """
        if len(vectors) > MAX_BATCH:
            raise AssertionError(f"{len(vectors)} vectors at once; at most {MAX_BATCH}")
        self._count(len(vectors))
        parts = [outer.whole(each) for each in factors]
        square = _squares(vectors, self._apart)
        for part in parts:
            square += part.square
        scale = self._scale(square)
        self._add(vectors, self._apart, scale)
        for fine, part in zip(self._fine, parts, strict=True):
            outer.added(fine, part, scale)

    def _count(self, more: int) -> None:
        self._vectors += more
        if self._vectors > self._most:
            raise BadPrivacyTerms(
                f"{self._vectors} vectors in one sum",
                why=f"beyond {self._most} the sum would no longer be exact",
                remedy="sample fewer patients per step",
            )

    def _add(
        self,
        vectors: NDArray[np.float32],
        pieces: Sequence[slice],
        scale: NDArray[np.float64],
    ) -> None:
        units = (scale * 2.0**GRID_BITS).astype(np.float32)
        spoilt = scale == 0.0
        for piece in pieces:
            part = vectors[:, piece]
            part[spoilt] = 0.0
            np.multiply(part, units[:, None], out=part)
            np.trunc(part, out=part)
            self._total[piece] += part.sum(axis=0, dtype=np.float64)

    def _scale(self, square: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the factor from each vector to units of C; 0 if it is not finite."""
        norm = np.sqrt(square)
        shortest = np.maximum(norm, self._clip * (1.0 - self._margin))
        return np.where(np.isfinite(norm), (1.0 - self._margin) / shortest, 0.0)

    @property
    def units(self) -> NDArray[np.float64]:
        """The sum in units of C * 2^-23, [size]: whole numbers, but for blocks."""
        units = self._total.copy()
        for block, fine in zip(self.blocks, self._fine, strict=True):
            units[block.start : block.stop] += fine.reshape(-1) * 2.0 ** (GRID_BITS - UNIT_BITS)
        return units

    def noised(self, sigma: float, stream: Stream) -> NDArray[np.float64]:
        """Return the sum with noise, [size], in the unit of the vectors.

        Args:
            sigma: Standard deviation of the noise divided by C.
            stream: Where the noise comes from; used once, for this sum.
        """
        one = 2.0**GRID_BITS
        if not self.blocks:
            return noised(self._total, one, sigma, stream) * (self._clip / one)
        require_noise(sigma * 2.0**UNIT_BITS, 2.0**58)
        drawn = gaussians(stream, self._total.size) * sigma
        found = (self._total + np.rint(drawn * one)) * (self._clip / one)
        for block, fine in zip(self.blocks, self._fine, strict=True):
            here = slice(block.start, block.stop)
            whole = fine.reshape(-1) + np.rint(drawn[here] * 2.0**UNIT_BITS).astype(np.int64)
            whole += self._total[here].astype(np.int64) << (UNIT_BITS - GRID_BITS)
            found[here] = whole * (self._clip * 2.0**-UNIT_BITS)
        return found


def _pieces(ranges: Sequence[tuple[int, int]]) -> list[slice]:
    """Return `ranges` of columns in pieces of at most `COLUMNS`."""
    return [
        slice(start, min(start + COLUMNS, stop))
        for first, stop in ranges
        for start in range(first, stop, COLUMNS)
    ]


def _squares(vectors: NDArray[np.float32], pieces: Sequence[slice]) -> NDArray[np.float64]:
    """Return the squared norm of each vector over some columns, [m]; may be infinite."""
    square = np.zeros(len(vectors))
    with np.errstate(over="ignore", invalid="ignore"):
        for piece in pieces:
            part = vectors[:, piece].astype(np.float64)
            square += np.einsum("ij,ij->i", part, part)
    return square


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
    require_noise(deviation, 2.0**48)
    noise = gaussians(stream, whole.size)
    noise *= deviation
    np.rint(noise, out=noise)
    return whole + noise.reshape(whole.shape)


def require_noise(deviation: float, limit: float) -> None:
    """Return if noise of `deviation` units is noise, and leaves sums exact.

    Raises:
        BadPrivacyTerms: If not.
    """
    if not 0.0 < deviation < limit:
        raise BadPrivacyTerms(
            f"noise of {deviation:g} units",
            why=f"no noise is no bound, and from {limit:g} units on the sum is not exact",
            remedy="use a noise multiplier above 0, or a coarser grid",
        )


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
