"""Inputs that nobody was ever measured to have: for timing a step, and as canaries."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.modalities import packed as both
from modelward.core.sequences import packed


def invented(asked: Inputs, count: int, draw: np.random.Generator) -> NDArray[Any]:
    """Return `count` inputs of the form that `asked` describes.

    Columns are standard normal, as if scaled; pixels are even over all greys; sequences are
    full, of any item on any day with any value of its range.
    """
    if asked.kind == "table":
        return draw.normal(size=(count, *asked.shape))
    if asked.kind == "image-and-table":
        row = draw.normal(size=(count, asked.columns))
        images = draw.integers(0, 256, (count, *asked.shape), np.uint8)
        return both(row, images, np.ones(count, bool))
    if asked.kind == "image":
        return draw.integers(0, 256, (count, *asked.shape), np.uint8)
    steps = (count, asked.shape[0])
    codes = draw.integers(1, len(asked.items) + 1, steps)
    first, last = asked.days
    times = -np.sort(-draw.integers(first, last + 1, steps), axis=1)
    low, high = (np.array([getattr(i, end) for i in asked.items]) for end in ("low", "high"))
    return packed(codes, times, draw.uniform(low[codes - 1], high[codes - 1]))
