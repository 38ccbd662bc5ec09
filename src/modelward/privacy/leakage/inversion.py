"""Records read off a first layer, and rows of an update that point at one record.

**Inversion.** A dense layer on the inputs has, for every unit, a gradient of the weights
that is the gradient of the bias times a mean of the inputs it was active for. So

    weight change / bias change

is a record, exactly, where one record alone moved the unit: one step on one record, or a
*trap*, a unit whose weights were crafted to fire for one record only (Fowl et al. 2022,
arXiv:2110.13057; Boenisch et al. 2023, arXiv:2112.02918). Many steps on many records give a
mean, which is nobody's record.

A unit counts when its quotient is nearer to one own record than to the second nearest by a
factor that would happen by chance once in `CHANCE` layers.

**Likeness.** Rows as long as a record are compared with the records by their angle, after
centring and whitening on the cohort; raw cosines are useless on images (every chest X-ray
has another at 0.95 and more). What is alike by chance is measured for every row on the
held-out records: a row that many records resemble says nothing about one of them.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import Tensors

CHANCE = 10_000
SMALLEST_CHANGE = 2.0**-18
"""Bias changes below this are too near to the grid (2^-24) to divide by."""

FEWEST_DIMENSIONS = 64
MOST_DIMENSIONS = 1024
"""More values than these are thinned out evenly: whitening costs their cube."""

ALIKE = 0.5
"""Cosines below this are not a copy, however unlikely they are."""

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike the row of an artifact that is most like an own record is to it.

    Attributes:
        own: Its largest cosine to an own record.
        held_out: Its largest cosine to a held-out record.
        threshold: What would happen by chance with the agreed probability; at least
            `held_out`, and at least `ALIKE`.
    """

    own: float
    held_out: float
    threshold: float


def recovered(weight: Rows, bias: Rows, records: Rows) -> int:
    """Return how many own records the first layer's change gives away.

    Args:
        weight: Change of the weights, [units, inputs].
        bias: Change of the biases, [units].
        records: Own records as the layer sees them, [n, inputs].
    """
    moved = np.abs(bias) > SMALLEST_CHANGE
    if not moved.any() or len(records) < 2:  # noqa: PLR2004 - a second nearest is needed
        return 0
    quotients = weight[moved] / bias[moved, None]
    near, who = _two_nearest(quotients, records)
    units, inputs = quotients.shape
    factor = min(0.1, (1.0 / (CHANCE * units)) ** (1.0 / inputs))
    return len(set(who[near[:, 0] < factor * near[:, 1]].tolist()))


def traps(weight: Rows, bias: Rows, records: Rows) -> int:
    """Return how many units of a model that comes in fire for exactly one own record."""
    if len(records) < 2:  # noqa: PLR2004 - one record is always alone
        return 0
    active = (records @ weight.T + bias) > 0
    return int(np.count_nonzero(active.sum(axis=0) == 1))


class Whitened:
    """A cohort after centring and whitening, made once.

    Args:
        own: Records that were trained on, [n, inputs].
        held_out: Records that were not, [m, inputs].
    """

    def __init__(self, own: Rows, held_out: Rows) -> None:
        self._width = own.shape[1]
        self._thin = max(1, -(-self._width // MOST_DIMENSIONS))
        both = np.concatenate([own, held_out])[:, :: self._thin].astype(np.float64)
        self._mean = both.mean(axis=0)
        centred = both - self._mean
        values, vectors = np.linalg.eigh(centred.T @ centred / len(both))
        floor = 0.01 * max(float(values.max()), 1e-12)
        self._turn = vectors / np.sqrt(np.maximum(values, 0.0) + floor)
        self._own = self._white(own[:, :: self._thin])
        self._held = self._white(held_out[:, :: self._thin])

    def likeness(self, tensors: Tensors, quantile: float) -> Likeness | None:
        """Return how alike rows of `tensors` are to records; None if none are as long.

        Args:
            tensors: What would leave.
            quantile: Probability that nothing is found by chance, such as 0.999.
        """
        rows = [
            np.asarray(values, np.float64).reshape(-1, self._width)
            for values in tensors.values()
            if values.size and values.size % self._width == 0
        ]
        if self._width < FEWEST_DIMENSIONS or not rows or not len(self._held):
            return None
        candidates = np.concatenate(rows)[:, :: self._thin]
        white = np.concatenate([_unit(candidates @ self._turn), self._white(candidates)])
        own, held = np.abs(white @ self._own.T).max(axis=1), np.abs(white @ self._held.T)
        rare = (1.0 - quantile) / (len(white) * len(self._own))
        chance = np.sqrt(np.square(held).mean(axis=1)) * NormalDist().inv_cdf(1.0 - rare / 2)
        threshold = np.maximum(np.maximum(chance, held.max(axis=1)), ALIKE)
        worst = int(np.argmax(own - threshold))
        return Likeness(
            own=float(own[worst]),
            held_out=float(held[worst].max()),
            threshold=float(threshold[worst]),
        )

    def _white(self, rows: Rows) -> Rows:
        return _unit((rows - self._mean) @ self._turn)


def _unit(rows: Rows) -> Rows:
    found: Rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return found


def _two_nearest(points: Rows, records: Rows) -> tuple[Rows, NDArray[np.int64]]:
    """Return the distances to the nearest and second nearest record, and the nearest."""
    square = np.square(points).sum(axis=1)[:, None] + np.square(records).sum(axis=1)
    distance = np.sqrt(np.maximum(square - 2.0 * points @ records.T, 0.0))
    order = np.argpartition(distance, 1, axis=1)[:, :2]
    two = np.take_along_axis(distance, order, axis=1)
    first = np.argmin(two, axis=1)
    return np.sort(two, axis=1), order[np.arange(len(points)), first]
