"""Updates that have the form of a message and not of training. No data are needed to see it.

    whole-numbers   values of a tensor that are whole numbers, of itself or of its scale
    rank            a matrix that one single example could have made
    sparsity        nearly all values zero, a few not

What a study's training makes has none of these forms; what was written into a bundle by
hand, or by a recipe that was changed, often has. The absence of a form proves nothing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.verdict import Finding

FEWEST = 64
"""Values of a tensor below which its form says nothing."""

LEAST_FILLED = 0.01
"""Share of an update that is not zero, unless all of it is."""

SAMPLE = 4096
"""Values of a tensor, evenly spaced, that stand for all when it is asked for its steps."""

SAME = 1e-4
"""Singular values below this part of the largest are rounding."""

GRID = 2.0**24


def whole_numbers(tensors: Mapping[str, NDArray[Any]]) -> tuple[Finding, ...]:
    """Object to tensors of whole numbers, or of whole multiples of one large step."""
    wrong = [name for name, values in tensors.items() if _stepped(values)]
    if not wrong:
        return ()
    return (
        Finding(
            rule="whole-numbers",
            says=f"{', '.join(wrong[:5])} holds whole numbers on a coarse scale",
            remedy="updates are differences of trained parameters: check the recipe",
        ),
    )


def rank(tensors: Mapping[str, NDArray[Any]]) -> tuple[Finding, ...]:
    """Object to a matrix of rank one: the mark of a step on a single example."""
    wrong = [name for name, values in tensors.items() if _one_example(values)]
    if not wrong:
        return ()
    return (
        Finding(
            rule="rank",
            says=f"{', '.join(wrong[:5])} has rank one, as after a single example",
            remedy="use larger batches and more local steps",
        ),
    )


def sparsity(tensors: Mapping[str, NDArray[Any]]) -> tuple[Finding, ...]:
    """Object to an update that is nearly all zero."""
    size = sum(values.size for values in tensors.values())
    filled = sum(int(np.count_nonzero(values)) for values in tensors.values())
    if size < FEWEST or filled == 0 or filled >= LEAST_FILLED * size:
        return ()
    return (
        Finding(
            rule="sparsity",
            says=f"{filled:,} of {size:,} values are not zero",
            remedy="training moves every layer: check the recipe and the learning rate",
        ),
    )


def _stepped(values: NDArray[Any]) -> bool:
    """Return whether all values are whole multiples of a step that is far above the grid."""
    flat = values.reshape(-1)
    used = flat[flat != 0]
    if used.size < FEWEST:
        return False
    used = used[:: max(1, used.size // SAMPLE)]
    whole = np.abs(np.rint(used.astype(np.float64) * GRID)).astype(np.int64)
    step = int(np.gcd.reduce(whole))
    if step > 1 and int(whole.max()) // step < 2**12:  # as pixels of 12 bits are
        return True
    return bool(np.unique(whole).size <= used.size // 16)


def _one_example(values: NDArray[Any]) -> bool:
    """Return whether `values` are an outer product of two vectors, both of eight or more."""
    matrix = values.reshape(len(values), -1) if values.ndim > 1 else values[None]
    if min(matrix.shape) < 8 or not np.any(matrix):  # noqa: PLR2004 - too small to say
        return False
    filled = matrix[np.any(matrix, axis=1)].astype(np.float64)
    if len(filled) < 2:  # noqa: PLR2004 - one unit moved
        return True
    pivot = filled[np.argmax(np.linalg.norm(filled, axis=1))]
    pivot = pivot / np.linalg.norm(pivot)
    left = filled - np.outer(filled @ pivot, pivot)
    return bool(np.linalg.norm(left) < SAME * np.linalg.norm(filled))
