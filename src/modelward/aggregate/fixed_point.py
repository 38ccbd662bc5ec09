"""The number format of sums: integers on a grid, so that order cannot matter.

Floating-point addition depends on who comes first. So what sites send lies on a grid, and
sums are integers:

    updates               float32, multiples of 2^-24, |x| < 2^7; summed in int64
    statistics, metrics   float64, multiples of 2^-40, |x| < 2^62; summed in Python integers

Rounding to the grid at the site is the only rounding before the end; adding is exact. An
update of weight w adds w * (x * 2^24), less than 2^31 * w; total weights are held to 2^31, so
a sum stays below 2^62 and cannot wrap. What is off the grid, out of range or not finite is
refused, never rounded or clipped here. Bits below the grid could also carry what nobody
looks at.

Decision record: docs/decisions/0005-sums-are-integers-on-a-grid.md. Who weighs what is
mean.py's business.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate.quotient import quotient
from modelward.core.tensors import FlatF32
from modelward.errors import BadUpdate

UPDATE_BITS = 24
"""Updates are multiples of 2^-24."""

UPDATE_RANGE_BITS = 7
"""Updates are smaller than 2^7."""

SUMS_BITS = 40
"""Statistics are multiples of 2^-40."""

SUMS_RANGE_BITS = 62
"""Statistics are smaller than 2^62."""

MAX_WEIGHT = 2**31
"""Largest total weight (patients of all sites) of one sum of updates."""

CHUNK = 1 << 14
"""Elements worked on at once: four temporaries of a chunk stay in a level-2 cache."""

_SCALE = np.float32(2.0**UPDATE_BITS)
_UNIT = np.float32(2.0**-UPDATE_BITS)


def round_update(flat: FlatF32) -> FlatF32:
    """Round `flat` to the grid of updates, in place, and return it.

    Exact: scaling by a power of two and rounding to whole numbers lose nothing but what is
    below the grid (half to even). Negative zero becomes zero, so a value has one spelling.
    """
    for start in range(0, flat.size, CHUNK):
        part = flat[start : start + CHUNK]
        np.multiply(part, _SCALE, out=part)
        np.rint(part, out=part)
        np.multiply(part, _UNIT, out=part)
        np.add(part, np.float32(0.0), out=part)
    return flat


def to_grid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return statistics rounded to multiples of 2^-40 (half to even)."""
    rounded: NDArray[np.float64] = np.rint(values * 2.0**SUMS_BITS) / 2.0**SUMS_BITS + 0.0
    return rounded


class UpdateSum:
    """A weighted sum of updates, exact, in one pass over each.

    The state is one int64 per parameter and the total weight. Sums of parts, in any
    grouping, are the sum of the whole, bit for bit.

    Args:
        size: Parameters of the model.
    """

    def __init__(self, size: int) -> None:
        self._sum = np.zeros(size, np.int64)
        self._weight = 0

    @classmethod
    def of(cls, total: NDArray[np.int64], weight: int) -> Self:
        """Return a sum that was made elsewhere, such as behind masks.

        Args:
            total: Weighted updates in units of 2^-24, [size]; kept, not copied.
            weight: Total weight behind it, 1 to `MAX_WEIGHT`.

        Raises:
            BadUpdate: If `weight` is out of range, or a value larger than it allows.
        """
        made = cls(0)
        made._check_weight(weight)
        limit = weight << (UPDATE_BITS + UPDATE_RANGE_BITS)
        if total.size and not -limit < int(total.min()) <= int(total.max()) < limit:
            raise BadUpdate(
                f"a sum of weight {weight} has a value beyond {limit}",
                why=f"updates are below 2^{UPDATE_RANGE_BITS}, and so is their mean",
                remedy="repeat the round; a mask may be left in the sum",
            )
        made._sum, made._weight = total, weight
        return made

    @property
    def weight(self) -> int:
        """Total weight added so far."""
        return self._weight

    def add(self, flat: FlatF32, weight: int) -> None:
        """Add `weight` times the update `flat`.

        Args:
            flat: float32, [size].
            weight: Patients behind it, at least 1.

        Raises:
            BadUpdate: If the update is not finite, out of range, off the grid or of another
                size, or the total weight would pass `MAX_WEIGHT`. The sum is then as before.
        """
        self.add_parts([flat], weight)

    def add_parts(self, parts: Sequence[FlatF32], weight: int) -> None:
        """Add an update that lies in several vectors, such as its tensors, without joining it.

        Args:
            parts: float32; together [size], in order.
            weight: Patients behind it, at least 1.

        Raises:
            BadUpdate: As `add`.
        """
        self._check_weight(weight)
        sizes = sum(part.size for part in parts)
        if sizes != self._sum.size or any(part.dtype != np.float32 for part in parts):
            kinds = ", ".join(sorted({str(part.dtype) for part in parts}))
            raise BadUpdate(
                f"an update of {sizes} {kinds} values for {self._sum.size} parameters",
                why="every update of a study has the schema of its model",
                remedy="check that the site runs the recipe and options that were signed",
            )
        start, added = 0, []
        for part in parts:
            added.append((start, part))
            fault_at = self._accumulate(part, weight, start)
            if fault_at is not None:
                added[-1] = (start, part[:fault_at])
                for first, done in added:
                    self._accumulate(done, -weight, first)
                raise _not_on_grid(part[fault_at : fault_at + CHUNK], start + fault_at)
            start += part.size
        self._weight += weight

    def merge(self, other: "UpdateSum") -> None:
        """Add a partial sum over other sites.

        Raises:
            BadUpdate: If the total weight would pass `MAX_WEIGHT`.
        """
        self._check_weight(other.weight)
        self._sum += other._sum
        self._weight += other.weight

    def clear(self) -> None:
        """Start again from nothing, in the same memory."""
        self._sum.fill(0)
        self._weight = 0

    def mean(self, out: FlatF32 | None = None) -> FlatF32:
        """Return sum / total weight, correctly rounded to float32 (half to even).

        Args:
            out: Where to write it, [size]; a new vector if absent.

        Raises:
            BadUpdate: If nothing was added.
        """
        if not self._weight:
            raise BadUpdate(
                "no update was added",
                why="a mean over no site is not a number",
                remedy="ask at least one site before combining",
            )
        mean = np.empty(self._sum.size, np.float32) if out is None else out
        for start in range(0, mean.size, CHUNK):
            part = self._sum[start : start + CHUNK]
            mean[start : start + CHUNK] = quotient(part, self._weight << UPDATE_BITS)
        return mean

    def take_mean(self) -> FlatF32:
        """Return `mean`, written over the sum: no memory is added. Only `weight` is left.

        Each chunk is written where chunks lay that were read before it.

        Raises:
            BadUpdate: If nothing was added.
        """
        mean = self.mean(self._sum.view(np.float32)[: self._sum.size])
        self._sum = np.zeros(0, np.int64)
        return mean

    def _accumulate(self, flat: FlatF32, weight: int, first: int = 0) -> int | None:
        """Add `flat` from parameter `first` on; return where a chunk at fault starts."""
        scaled = np.empty(CHUNK, np.float32)
        whole, back = np.empty(CHUNK, np.int32), np.empty(CHUNK, np.float32)
        wide = np.empty(CHUNK, np.int64)
        for start in range(0, flat.size, CHUNK):
            part = flat[start : start + CHUNK]
            s, i = scaled[: part.size], whole[: part.size]
            b, w = back[: part.size], wide[: part.size]
            np.multiply(part, _SCALE, out=s)
            with np.errstate(invalid="ignore"):  # NaN and overflow become the least int32
                np.copyto(i, s, casting="unsafe")
            np.copyto(b, i, casting="same_kind")
            if not np.array_equal(b, s) or i.min() == np.iinfo(np.int32).min:
                return start
            np.copyto(w, i)
            w *= weight
            self._sum[first + start : first + start + part.size] += w
        return None

    def _check_weight(self, weight: int) -> None:
        if weight < 1 or self._weight + weight > MAX_WEIGHT:
            raise BadUpdate(
                f"weight {weight} on top of {self._weight}",
                why=f"weights are whole, at least 1, and their total at most {MAX_WEIGHT}",
                remedy="check the number of patients the site reported",
            )


def exact_sum(parts: Iterable[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[np.float64]]:
    """Return the sum, tensor by tensor, of statistics of several sites.

    Args:
        parts: At least one; the same names and shapes; float64 values on the grid of 2^-40.

    Returns:
        float64, each the correctly rounded exact sum.

    Raises:
        BadUpdate: If a value is not finite, out of range or off the grid, if names or shapes
            differ, or there is no part.
    """
    shapes: dict[str, tuple[int, ...]] | None = None
    totals: dict[str, list[int]] = {}
    for part in parts:
        found = {name: values.shape for name, values in part.items()}
        if shapes is None:
            shapes = found
            totals = {name: [0] * values.size for name, values in part.items()}
        if shapes != found:
            raise BadUpdate(
                f"statistics of shapes {found} beside {shapes}",
                why="sums need the same names and shapes from every site",
                remedy="check that every site runs the study that was signed",
            )
        for name, values in part.items():
            totals[name] = list(map(add, totals[name], _integers(name, values)))
    if shapes is None:
        raise BadUpdate(
            "no statistics were added",
            why="a sum over no site says nothing",
            remedy="ask at least one site before combining",
        )
    unit = 1 << SUMS_BITS
    return {
        name: np.array([total / unit for total in totals[name]], np.float64).reshape(shape)
        for name, shape in shapes.items()
    }


def _integers(name: str, values: NDArray[Any]) -> list[int]:
    """Return `values` in units of 2^-40, row-major, as Python integers."""
    scaled = np.asarray(values, np.float64).reshape(-1) * 2.0**SUMS_BITS
    limit = 2.0 ** (SUMS_BITS + SUMS_RANGE_BITS)
    if not (np.abs(scaled) < limit).all() or (np.rint(scaled) != scaled).any():
        raise BadUpdate(
            f"statistics {name!r} are not finite multiples of 2^-{SUMS_BITS}",
            why="statistics are summed exactly, on a grid (docs/formats/sums.md)",
            remedy="round with to_grid() at the site before the artifact is formed",
        )
    return [int(value) for value in scaled]


def _not_on_grid(part: FlatF32, start: int) -> BadUpdate:
    scaled = part.astype(np.float64) * 2.0**UPDATE_BITS
    limit = 2.0 ** (UPDATE_BITS + UPDATE_RANGE_BITS)
    with np.errstate(invalid="ignore"):
        wrong = ~((np.abs(scaled) < limit) & (np.rint(scaled) == scaled))
    place = int(np.flatnonzero(wrong)[0])
    return BadUpdate(
        f"parameter {start + place} of an update is {float(part[place])!r}",
        why=f"updates are finite multiples of 2^-{UPDATE_BITS} below {2**UPDATE_RANGE_BITS}",
        remedy="clip and round as learn/sgd.py does, and look for a diverging loss",
    )
