"""What `fusion` computes, and its units as they are taken in batches."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.core.modalities import FLAGS
from modelward.recipes.gradients.torch_cpu import Forward
from modelward.recipes.layers.layers import PLAIN, Parameters
from modelward.recipes.layers.spatial import convolve, halve, mean, normalise
from modelward.recipes.networks.fusion import FLAT, Fusion


class BothBatches:
    """A site's units; columns come scaled, pixels are scaled to -1 .. +1 when they are taken.

    Args:
        x: Packed as core/modalities.py has them, [n, columns + 2 + pixels].
        inputs: How many columns, and which pixels become -1 and +1.
    """

    def __init__(self, x: NDArray[Any], inputs: Inputs) -> None:
        self._x, self._first = x, inputs.columns + FLAGS
        low, high = inputs.intensity
        self._low, self._scale = low, 2.0 / (high - low)

    def take(self, rows: NDArray[np.int64], draw: np.random.Generator | None) -> Tensor:
        """Return [b, columns + 2 + pixels]; nothing is varied."""
        del draw
        taken = self._x[rows].astype(np.float32)
        taken[:, self._first :] = (taken[:, self._first :] - self._low) * self._scale - 1.0
        return torch.from_numpy(taken)


def batches(network: Fusion, x: NDArray[Any], inputs: Inputs) -> BothBatches:
    """Return units ready to be taken."""
    del network
    return BothBatches(x, inputs)


def forward(network: Fusion, inputs: Inputs) -> Forward:
    """Return the function that `network` computes on a batch of `BothBatches`."""
    columns = inputs.columns
    shape = inputs.shape if len(inputs.shape) > FLAT else (1, *inputs.shape)

    def logits(parameters: Parameters, x: Tensor) -> Tensor:
        pixels = x[:, columns + FLAGS :].reshape(-1, *shape)
        said = (
            _or_without(
                parameters, "image", _image(network, parameters, pixels), x[:, columns + 1]
            ),
            _or_without(
                parameters, "row", _row(network, parameters, x[:, :columns]), x[:, columns]
            ),
        )
        fused = functional.relu(PLAIN.dense(parameters, "fused", torch.cat(said, dim=1)))
        z = PLAIN.dense(parameters, "logit", fused)
        return z[:, 0] if inputs.levels == 1 else z

    return logits


def _image(network: Fusion, parameters: Parameters, x: Tensor) -> Tensor:
    for place in range(1, len(network.options.channels) + 1):
        x = convolve(parameters, f"image{place}", x)
        x = halve(normalise(parameters, f"norm{place}", x, network.options.groups))
    return functional.relu(PLAIN.dense(parameters, "image", mean(x)))


def _row(network: Fusion, parameters: Parameters, x: Tensor) -> Tensor:
    for layer in network.row_layers:
        x = functional.relu(PLAIN.dense(parameters, layer, x))
    return x


def _or_without(parameters: Parameters, name: str, said: Tensor, there: Tensor) -> Tensor:
    """Return what a modality says, and its learnt vector where it is absent."""
    return torch.where(there[:, None] > 0, said, parameters[f"without.{name}.bias"])
