"""From measured values to grey: scaled, turned upright, and resampled to the study's size.

Both kinds of files come through here, so the same picture in either is the same tensor, bit
for bit. The steps, in this order:

1. values between `low` and `high` become 0 to 1, what lies outside is cut off;
2. axes are swapped and flipped until they point the study's way (`upright`);
3. height and width are resampled, keeping the proportions of the body; what is left of the
   study's frame stays black. Volumes are resampled along the slices too;
4. 0 to 1 becomes a whole number from 0 to 255.

Resampling is separable, with a triangle whose width grows when the picture shrinks, so that
every pixel counts (Turkowski 1990, "Filters for common resampling tasks", section 4).
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

OPPOSITE = {"L": "R", "R": "L", "P": "A", "A": "P", "F": "H", "H": "F"}
"""Directions of a body: left, right, posterior, anterior, feet, head."""

PLANES: Mapping[str, tuple[str, str, str]] = {
    "axial": ("L", "P", "H"),
    "coronal": ("L", "F", "P"),
    "sagittal": ("P", "F", "L"),
}
"""View -> where columns, rows and slices of an upright image run to."""


def scaled(values: NDArray[np.float64], low: float, high: float) -> Grey:
    """Return `values` as float32 from 0 (at `low` or below) to 1 (at `high` or above)."""
    if high <= low:
        return np.zeros(values.shape, np.float32)
    return np.clip((values - low) / (high - low), 0.0, 1.0).astype(np.float32)


def lies_across(found: tuple[str, str], wanted: tuple[str, str]) -> bool:
    """Return whether rows and columns must be swapped to go from `found` to `wanted`."""
    return found[0] not in {wanted[0], OPPOSITE[wanted[0]]}


def upright(grey: Grey, found: tuple[str, str], wanted: tuple[str, str]) -> Grey:
    """Return an image, or a stack of them, with its last two axes as wanted.

    Args:
        grey: [..., rows, columns].
        found: Where the columns and the rows run to, such as ('L', 'F').
        wanted: Where they should; the same two axes of the body.
    """
    columns, rows = found
    if lies_across(found, wanted):
        grey, (columns, rows) = np.swapaxes(grey, -1, -2), (rows, columns)
    if columns != wanted[0]:
        grey = grey[..., ::-1]
    if rows != wanted[1]:
        grey = grey[..., ::-1, :]
    return grey


def turned(found: tuple[str, str], wanted: tuple[str, str]) -> bool:
    """Return whether `upright` can turn `found` into `wanted`: the same two body axes."""
    axes = [{each, OPPOSITE.get(each, each)} for each in wanted]
    return all(any(each in axis for axis in axes) for each in found) and not any(
        all(each in axis for each in found) for axis in axes
    )


def fitted(grey: Grey, size: tuple[int, int], aspect: float = 1.0) -> Grey:
    """Return images [..., height, width] within the frame `size`, in proportion.

    Args:
        grey: [..., rows, columns], 0 to 1.
        size: Height and width of the frame.
        aspect: Height of a pixel over its width.
    """
    tall, wide = grey.shape[-2] * aspect, float(grey.shape[-1])
    scale = min(size[0] / tall, size[1] / wide)
    height = min(max(round(tall * scale), 1), size[0])
    width = min(max(round(wide * scale), 1), size[1])
    small = resampled(resampled(grey, -2, height), -1, width)
    frame = np.zeros((*grey.shape[:-2], *size), np.float32)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    frame[..., top : top + height, left : left + width] = small
    return frame


def resampled(grey: Grey, axis: int, length: int) -> Grey:
    """Return `grey` with `length` entries along `axis`, over the same extent."""
    if grey.shape[axis] == length:
        return grey
    moved = np.ascontiguousarray(np.moveaxis(grey, axis, 0))
    lines = moved.reshape(len(moved), -1)
    found = np.empty((length, lines.shape[1]), np.float32)
    for place, weights in enumerate(triangle(len(lines), length)):
        first, last = np.flatnonzero(weights)[[0, -1]]
        # Not a matrix product: sums of a library with threads need not have the same bits.
        found[place] = np.einsum("i,ij->j", weights[first : last + 1], lines[first : last + 1])
    return np.moveaxis(found.reshape(length, *moved.shape[1:]), 0, axis)


@lru_cache(maxsize=64)
def triangle(given: int, wanted: int) -> Grey:
    """Return the weights [wanted, given] of a resampling; each row adds up to one.

    >>> triangle(4, 2).tolist()[0]
    [0.4285714328289032, 0.4285714328289032, 0.1428571492433548, 0.0]
    """
    step = given / wanted
    centre = (np.arange(wanted) + 0.5) * step
    distance = np.abs(np.arange(given) + 0.5 - centre[:, None])
    weights = np.maximum(0.0, 1.0 - distance / max(step, 1.0))
    whole: Grey = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return whole


def as_bytes(grey: Grey) -> NDArray[np.uint8]:
    """Return 0 to 1 as whole numbers from 0 to 255; halves go up."""
    whole: NDArray[np.uint8] = np.floor(np.clip(grey, 0, 1) * 255 + np.float32(0.5)).astype(
        np.uint8
    )
    return whole


def direction(cosines: NDArray[np.float64]) -> str:
    """Return the body direction nearest to a vector in patient coordinates (x L, y P, z H).

    >>> direction(np.array([0.1, -0.9, 0.2]))
    'A'
    """
    axis = int(np.argmax(np.abs(cosines)))
    return ("LPH" if cosines[axis] >= 0 else "RAF")[axis]


def plane_of(directions: tuple[str, str]) -> str | None:
    """Return the view whose plane is spanned by two directions; None if they are parallel."""
    for view, wanted in PLANES.items():
        if turned(directions, wanted[:2]):
            return view
    return None
