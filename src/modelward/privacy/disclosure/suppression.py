"""Small cells of a table are hidden, and others with them, so that no margin gives them back.

Primary cells are counts from 1 to `minimum` - 1, of the table and of its margins. Hiding
only those is no protection: total minus what is shown is the hidden cell. So each primary
cell gets a *box*, the hypercube method (Repsilber 1994; Hundepool et al. 2012, Statistical
Disclosure Control, section 4.4.2): the 2^d cells whose place is, on every axis, either the
cell's own or one chosen other. Around a box counts can go up and down by turns and no margin
changes, so all these tables fit what is shown. A box is taken if, among them, the cell has
`minimum` values or more. It is at least 1, so one of them is `minimum` or more: nobody can be
sure that it is small. Of such boxes the one is taken that hides least.

Hidden cells count as at least 1 for this: somebody may know that they are not empty. Empty
cells are shown (a cell of none is no cell) unless a box needs them, and so is the total,
which the card of an artifact tells anyway.

Pure. It guards one table of counts; two tables that overlap are differencing.py's, what the
sums beside a count would tell is the caller's (hide them where the count is hidden).
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from modelward.core.counted import HIDDEN

Counts = NDArray[np.int64]
Place = tuple[int, ...]

MOST_AXES = 4
"""With more axes a box has more than 16 cells, and hides nearly everything."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What may be shown of a table.

    Attributes:
        counts: The table with its margins: each axis has one place more than the table's, the
            last, for its total. `HIDDEN` where nothing is shown.
    """

    counts: Counts

    @property
    def cells(self) -> Counts:
        """The table itself, without margins."""
        return self.counts[tuple(slice(-1) for _ in range(self.counts.ndim))]

    @property
    def hidden(self) -> int:
        """How many cells and margins are hidden."""
        return int(np.count_nonzero(self.counts == HIDDEN))


def suppress(table: Counts, minimum: int) -> Shown | None:
    """Return what may be shown of `table` and its margins.

    Args:
        table: Units in each cell, of one to `MOST_AXES` axes, none negative; every unit in
            one cell.
        minimum: Fewest units in a cell that is shown.

    Returns:
        None where the table cannot be shown: fewer than `minimum` units in all, or a small
        cell that no other cells can cover.
    """
    if not 1 <= table.ndim <= MOST_AXES or (table < 0).any():
        raise ValueError("a table of counts has one to four axes and no negative counts")
    whole = with_margins(table)
    if 0 < int(whole[(-1,) * whole.ndim]) < minimum:
        return None
    hidden = (whole > 0) & (whole < minimum)
    for place in _by_size(whole, hidden):
        other = _opposite(whole, hidden, place, minimum)
        if other is None:
            return None
        for corner in product(*zip(place, other, strict=True)):
            hidden[corner] = True
    return Shown(np.where(hidden, HIDDEN, whole))


def with_margins(table: Counts) -> Counts:
    """Return `table` with the total of each axis in one more place at its end."""
    whole = table.astype(np.int64)
    for axis in range(table.ndim):
        whole = np.concatenate([whole, whole.sum(axis=axis, keepdims=True)], axis=axis)
    return whole


def _by_size(whole: Counts, wanted: NDArray[np.bool_]) -> list[Place]:
    """Return the places of `wanted` cells, smallest count first: they need most cover."""
    places = [tuple(int(i) for i in place) for place in np.argwhere(wanted)]
    return sorted(places, key=lambda place: (int(whole[place]), place))


def _opposite(
    whole: Counts, hidden: NDArray[np.bool_], place: Place, minimum: int
) -> Place | None:
    """Return the place opposite of `place` in the box that hides least; None if none fits.

    All are tried at once: the arrays have, where the opposite place is, what its box has.
    """
    most = int(whole.max())
    up, down = np.full(whole.shape, most), np.full(whole.shape, int(whole[place]))
    cost, fits = np.zeros(whole.shape), np.ones(whole.shape, np.bool_)
    for axis, own in enumerate(place):
        fits &= _along(whole, axis, np.arange(whole.shape[axis]) != own)
    for turned in product((False, True), repeat=whole.ndim):
        if not any(turned):
            continue
        at = tuple(
            slice(None) if turn else slice(i, i + 1)
            for turn, i in zip(turned, place, strict=True)
        )
        rises, total = _direction(whole, place, turned)
        up = np.where(rises, up, np.minimum(up, whole[at]))
        down = np.where(rises, np.minimum(down, whole[at]), down)
        cost = cost + np.where(hidden[at], 0.0, 1.0 + whole[at])
        fits &= ~total
    up, down = up - 1, np.maximum(down - 1, 0)
    fits &= up + down >= minimum - 1
    if not fits.any():
        return None
    best = np.unravel_index(np.argmin(np.where(fits, cost, np.inf)), whole.shape)
    return tuple(int(i) for i in best)


def _direction(
    whole: Counts, place: Place, turned: tuple[bool, ...]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return of one corner whether it rises with `place`, and whether it is the total.

    On a line a count rises when another falls, and when the line's total rises.
    """
    rises, total = np.ones((1,) * whole.ndim, np.bool_), np.ones((1,) * whole.ndim, np.bool_)
    for axis, turn in enumerate(turned):
        last = whole.shape[axis] - 1
        margin = np.arange(last + 1) == last if turn else np.array([place[axis] == last])
        total = total & _along(whole, axis, margin)
        if turn:
            rises = rises == _along(whole, axis, margin != (place[axis] == last))
    return rises, total


def _along(whole: Counts, axis: int, values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a vector laid along one axis of `whole`."""
    shape = [1] * whole.ndim
    shape[axis] = len(values)
    return values.reshape(shape)
