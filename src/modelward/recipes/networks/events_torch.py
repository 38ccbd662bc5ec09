"""Sequences as they are taken in batches, and their first layer in torch (events.py).

A batch is [b, steps, 1 + VALUES + TIMES]: item (0 where padded), values, times. It has as many
steps as its longest row; what is padded reaches no result, so that changes no meaning.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.core.sequences import Item, Sequences, unpacked
from modelward.recipes.layers.layers import Parameters
from modelward.recipes.networks.events import TURNS, VALUES

Floats = NDArray[np.float32]


class EventBatches:
    """A site's sequences, ready to be taken.

    Args:
        x: Packed, [n, steps, 3].
        inputs: Items with their ranges, and the days of the window.
    """

    def __init__(self, x: NDArray[Any], inputs: Inputs) -> None:
        seen = unpacked(x)
        self._lengths = seen.mask.sum(axis=1)
        parts = (seen.codes, *_values(seen, inputs.items), *_times(seen.times, inputs.days))
        self._x = np.stack(parts, axis=-1).astype(np.float32)
        self._x[~seen.mask] = 0.0

    def take(self, rows: NDArray[np.int64], draw: np.random.Generator | None) -> Tensor:
        """Return [b, longest, 1 + VALUES + TIMES]; sequences are never varied."""
        del draw
        longest = max(1, int(self._lengths[rows].max(initial=0)))
        return torch.from_numpy(self._x[rows, :longest])


def _values(seen: Sequences, items: Sequence[Item]) -> list[NDArray[Any]]:
    """Return VALUES numbers for every event, each [n, steps]."""
    share = np.zeros(seen.values.shape)
    measured = np.zeros(seen.values.shape, bool)
    for number, item in enumerate(items, start=1):
        if (item.low, item.high) != (-1.0, 1.0):  # an item without values has these
            here = seen.codes == number
            share[here], measured[here] = _share(seen.values[here], item), True
    return [np.where(measured, each, 0.0) for each in (2 * share - 1, *_waves(share))]


def _share(values: Floats, item: Item) -> NDArray[np.float64]:
    """Return where `values` lie in the range of their item, 0 to 1."""
    ends = np.array([item.low, item.high])
    if item.low <= 0:
        return np.asarray((values - ends[0]) / (ends[1] - ends[0]))
    at = np.log(np.maximum(values.astype(np.float64), item.low) / item.low)
    return np.asarray(at / np.log(item.high / item.low))


def _times(days: Floats, window: tuple[int, int]) -> list[NDArray[Any]]:
    """Return TIMES numbers for every event, each [n, steps]."""
    least, most = window
    span = max(most - least, 1)
    after = np.clip(days - least, 0, None)
    gap = np.zeros_like(days)
    gap[:, 1:] = np.clip(days[:, :-1] - days[:, 1:], 0, None)
    share, whole = after / span, np.log1p(span)
    return [share, np.log1p(after) / whole, np.log1p(gap) / whole, *_waves(share)]


def _waves(share: NDArray[Any]) -> list[NDArray[Any]]:
    return [wave(2 * np.pi * turns * share) for turns in TURNS for wave in (np.sin, np.cos)]


def embedded(parameters: Parameters, x: Tensor) -> Tensor:
    """Return one vector for every event of a batch, [b, steps, width]."""
    at = (x[..., 0].long() - 1).clamp(min=0)
    item = functional.embedding(at, parameters["item.weight"])
    slopes = parameters["value.weight"]
    slope = functional.embedding(at, slopes.flatten(1)).reshape(*at.shape, -1, VALUES)
    value = torch.matmul(slope, x[..., 1 : 1 + VALUES, None])[..., 0]
    times = functional.linear(
        x[..., 1 + VALUES :], parameters["time.weight"], parameters["time.bias"]
    )
    return item + value + times
