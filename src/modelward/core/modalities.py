"""A row of numbers and an image of one patient in one array, either of which may be absent.

    packed    float64 [n, columns + 2 + pixels]: the columns, whether there is a row (0 or 1),
              whether there is an image, and its pixels from 0 to 255, in the image's order
    absent    a row of which nothing is known is NaN in every column, with 0 beside it; an image
              that was not taken is 0 everywhere, with 0 beside it

Columns stand first, so whatever reads the columns of a table reads these; study/scaling.py
scales them and leaves the rest. Packed is how readers, snapshot, gate and learning carry both.
"""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLAGS = 2
"""Whether there is a row, and whether there is an image."""


@dataclass(frozen=True, slots=True, eq=False)
class Both:
    """Both modalities of n units.

    Attributes:
        columns: float64 [n, columns].
        row: bool [n], whether anything of the row is known.
        image: bool [n], whether there is an image.
        pixels: float64 [n, *shape].
    """

    columns: NDArray[np.float64]
    row: NDArray[np.bool_]
    image: NDArray[np.bool_]
    pixels: NDArray[np.float64]


def packed(
    columns: NDArray[np.float64], images: NDArray[np.uint8], there: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return both as one array.

    Args:
        columns: [n, columns], NaN where a value is missing.
        images: [n, ...], as bytes.
        there: Where there is an image, [n].
    """
    row = np.count_nonzero(~np.isnan(columns), axis=1) > 0
    pixels = np.where(there[:, None], images.reshape(len(images), -1), 0)
    return np.concatenate([columns, row[:, None], there[:, None], pixels], axis=1)


def unpacked(x: NDArray[Any], columns: int, shape: tuple[int, ...]) -> Both:
    """Return the parts of `x`, [n, columns + 2 + pixels]."""
    pixels = x[:, columns + FLAGS :].reshape(len(x), *shape)
    return Both(x[:, :columns], x[:, columns] > 0, x[:, columns + 1] > 0, pixels)


def width_of(columns: int, shape: tuple[int, ...]) -> int:
    """Return how many values a packed unit has."""
    return columns + FLAGS + prod(shape)
