"""Own records, word for word, in what would leave.

A *passage* is `LENGTH` consecutive values of a record. Its fingerprint does not change when
all values are moved, stretched or turned round (a * x + b, a != 0), so pixels are found
again as pixels, as floats from -1 to 1, negated, or shrunk to fit under a norm:

    levels = rint(7 * (value - least) / (greatest - least)), 48 bits;  the smaller of
    the levels and 7 - levels is kept, and passages of fewer than `RICH` levels are not

Searched are: all values in the order of the bundle, every matrix turned, and the low bytes
of the whole numbers that updates and sums are on their grid. Records are searched for as
rows, images also turned, and tables also as columns over patients.

Rows of tables are short and each column has a scale of its own, so a whole row is looked
for in its units and as it is scaled (`ROW_STEP` apart at most).

This finds plain copies. A recipe that encrypts or shuffles what it hides is not found:
docs/threat-model.md says how much such a recipe could carry.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from modelward.core.tensors import Tensors

LENGTH = 16
"""Values in a passage."""

STRIDE = 8
"""Passages of a record start this far apart; those of an artifact at every value."""

RICH = 6
"""Fewest levels, of eight, in a passage that can be told from another."""

SHORTEST_ROW = 3
"""Values in the shortest row that is looked for."""

ROW_STEP = 2.0**-10
"""Values of a row are the same when they fall on the same step of this size."""

GRID = 2.0**24
"""Values of updates are multiples of 1/GRID (docs/formats/sums.md)."""

Numbers = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Copies:
    """What was found.

    Attributes:
        passages: Most passages of any one record or column.
        records: Records and columns with at least one passage.
        rows: Rows of a table that occur whole.
    """

    passages: int
    records: int
    rows: int


class Passages:
    """Fingerprints of a cohort, made once.

    Args:
        images: [n, height, width] or [n, depth, height, width], or None.
        tables: The same rows on several scales, each [n, columns]; no missing values.
    """

    def __init__(
        self, images: NDArray[Any] | None, tables: Sequence[NDArray[np.float64]] = ()
    ) -> None:
        found = [] if images is None else [images, np.swapaxes(images, -1, -2)]
        found += list(tables) + [table.T for table in tables]
        self._prints, self._owners = _index(found)
        self._widths = sorted({t.shape[1] for t in tables if t.shape[1] >= SHORTEST_ROW})
        self._rows = {
            (width, shift): np.unique(
                np.concatenate([_steps(t, shift) for t in tables if t.shape[1] == width])
            )
            for width in self._widths
            for shift in (0.0, 0.5)
        }

    def search(self, tensors: Tensors, *, thorough: bool) -> Copies:
        """Return what of the cohort is in `tensors`.

        Args:
            tensors: What would leave; finite.
            thorough: Look into turned matrices and packed bytes as well.
        """
        owners: list[NDArray[np.int64]] = []
        rows = 0
        for place, view in enumerate(_views(tensors, thorough=thorough)):
            prints = np.sort(fingerprints(view))  # neighbours are found quickly
            where = np.searchsorted(self._prints, prints)
            where[where == self._prints.size] = 0
            if self._prints.size:
                hits = np.unique(where[self._prints[where] == prints])
                owners.append(self._owners[hits])
            if place == 0:
                rows = self._whole_rows(view)
        counts = np.bincount(np.concatenate(owners)) if owners else np.zeros(1, np.int64)
        return Copies(
            passages=int(counts.max(initial=0)),
            records=int(np.count_nonzero(counts)),
            rows=rows,
        )

    def _whole_rows(self, view: NDArray[np.float64]) -> int:
        found = 0
        for width in self._widths:
            if view.size < width:
                continue
            windows = sliding_window_view(view, width)
            windows = windows[(np.abs(windows) > ROW_STEP).sum(axis=1) >= SHORTEST_ROW]
            here = np.zeros(len(windows), np.bool_)
            for shift in (0.0, 0.5):
                here |= np.isin(_steps(windows, shift), self._rows[width, shift])
            found += int(np.count_nonzero(here))
        return found


def fingerprints(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fingerprint of the passage that starts at each value of one sequence."""
    starts = values.size - LENGTH + 1
    if starts < 1:
        return np.zeros(0)
    return _codes([values[place : place + starts] for place in range(LENGTH)])[0]


def _codes(parts: Sequence[NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Return fingerprints, and the levels that occur in each as the bits of a byte.

    Args:
        parts: The first value of every passage, the second, and so on: `LENGTH` arrays.

    Fingerprints are whole numbers below 2^48, which float64 holds exactly.
    """
    least, most = parts[0].astype(np.float64), parts[0].astype(np.float64)
    for part in parts[1:]:
        np.minimum(least, part, out=least)
        np.maximum(most, part, out=most)
    spread = most - least
    scale = np.divide(7.0, spread, out=np.zeros_like(spread), where=spread > 0)
    code = np.zeros_like(spread)
    seen = np.zeros(spread.shape, np.uint8)
    for place, part in enumerate(parts):
        level = np.rint((part - least) * scale)
        code += level * 8.0**place
        seen |= _BITS[level.astype(np.uint8)]
    return np.minimum(code, _ALL_SEVENS - code), seen


_BITS = (1 << np.arange(8)).astype(np.uint8)
_ALL_SEVENS = 8.0**LENGTH - 1.0


def _index(
    records: Sequence[NDArray[Any]],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return sorted fingerprints of rich passages, and the one record that each is from."""
    prints = [np.zeros(0)]
    owners = [np.zeros(0, np.int64)]
    first = 0
    for group in records:
        if not group.size:
            continue
        rows = group.reshape(len(group), -1)
        starts = rows.shape[1] - LENGTH + 1
        if starts > 0:
            parts = [rows[:, at : at + starts : STRIDE] for at in range(LENGTH)]
            code, seen = _codes(parts)
            rich = np.bitwise_count(seen) >= RICH
            prints.append(code[rich])
            owners.append(first + np.nonzero(rich)[0])
        first += len(rows)
    codes, who = np.concatenate(prints), np.concatenate(owners)
    order = np.argsort(codes, kind="stable")
    codes, who = codes[order], who[order]
    # A passage that several records share, such as the edge of a collimator, tells nothing.
    start = np.flatnonzero(np.diff(codes, prepend=-1.0))
    if not start.size:
        return codes, who
    own = np.minimum.reduceat(who, start) == np.maximum.reduceat(who, start)
    return codes[start[own]], who[start[own]]


def _views(tensors: Tensors, *, thorough: bool) -> Iterator[NDArray[np.float64]]:
    """Yield the sequences in which records are looked for, the values themselves first."""
    order = sorted(tensors)
    flat = np.concatenate(
        [np.zeros(0), *(np.asarray(tensors[name], np.float64).reshape(-1) for name in order)]
    )
    yield flat
    whole = np.rint(np.clip(flat, -(2.0**38), 2.0**38) * GRID).astype(np.int64)
    octets = whole.astype("<i8").view(np.uint8).reshape(-1, 8)
    yield octets[:, 0].astype(np.float64)
    if not thorough:
        return
    yield octets[:, 1].astype(np.float64)
    yield octets[:, :2].reshape(-1).astype(np.float64)
    yield octets[:, :3].reshape(-1).astype(np.float64)
    for name in order:
        values = np.asarray(tensors[name], np.float64)
        if values.ndim > 1:
            yield np.ascontiguousarray(values.reshape(len(values), -1).T).reshape(-1)


def _steps(rows: NDArray[Any], shift: float) -> Numbers:
    """Return one number for each row: a hash of its values on the grid of steps."""
    on_grid = np.floor(rows / ROW_STEP + shift).astype(np.int64).astype(np.uint64)
    code = np.zeros(len(rows), np.uint64)
    for column in range(rows.shape[1]):
        code = (code ^ on_grid[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        code ^= code >> np.uint64(29)
    return code
