"""A tensor as letters on a terminal, so that a wrong turn or a wrong scale is seen at once."""

import numpy as np
from numpy.typing import NDArray

from modelward.readers.images.grey import resampled

SHADES = " .:-=+*#%@"
"""From black to white."""

WIDTH = 48
"""Letters in a line; a letter is taken to be twice as high as wide."""


def glance(x: NDArray[np.uint8]) -> list[str]:
    """Return lines that show an image, or the middle slice of a volume.

    >>> glance(np.array([[0, 255], [255, 0]], np.uint8))[0][:4]
    '    '
    """
    flat = x if x.ndim == 2 else x[(len(x) - 1) // 2]  # noqa: PLR2004 - rows and columns
    grey = np.asarray(flat, np.float32) / np.float32(256)
    height = max(round(WIDTH / 2 * flat.shape[0] / flat.shape[1]), 1)
    small = resampled(resampled(grey, 0, height), 1, WIDTH)
    return ["".join(SHADES[int(value * len(SHADES))] for value in line) for line in small]
