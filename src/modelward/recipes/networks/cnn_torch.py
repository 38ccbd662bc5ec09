"""Training of `cnn`: the forward function, and images as they are taken in batches."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32
from modelward.recipes.gradients.layer_gradients import LayerRowGradients
from modelward.recipes.gradients.torch_cpu import (
    AutogradModel,
    Forward,
    predict,
    shared,
    single_thread,
)
from modelward.recipes.layers.layers import PLAIN, Layers
from modelward.recipes.networks.cnn import Cnn
from modelward.recipes.networks.network_torch import Examples, NetworkModel
from modelward.recipes.recipe import Descent, Offset, Pixels


class ImageBatches:
    """A site's images, kept as bytes; a batch is scaled to -1 .. +1 when it is taken.

    Args:
        images: [n, height, width] or [n, depth, height, width], uint8.
        intensity: Pixel values that become -1 and +1.
        shift: Largest translation in pixels, each way.
    """

    def __init__(self, images: Pixels, intensity: tuple[float, float], shift: int = 0) -> None:
        low, high = intensity
        self._low = np.float32(low)
        self._scale = np.float32(2.0 / (high - low))
        self._shift = shift
        if images.ndim == 3:  # noqa: PLR2004 - a flat image is a volume of one slice
            images = images[:, None]
        edges = ((0, 0), (0, 0), (shift, shift), (shift, shift))
        padded = images if shift == 0 else np.pad(images, edges, mode="edge")
        self._windows = sliding_window_view(padded, images.shape[2:], axis=(2, 3))

    def take(self, rows: NDArray[np.int64], draw: np.random.Generator | None) -> Tensor:
        """Return [b, slices, height, width], channels_last; shifted if `draw` is given."""
        if draw is None or self._shift == 0:
            taken = self._windows[rows, :, self._shift, self._shift]
        else:
            down, right = draw.integers(0, 2 * self._shift + 1, (2, len(rows)))
            taken = self._windows[rows, :, down, right]
        scaled = (taken.astype(np.float32) - self._low) * self._scale - np.float32(1.0)
        return torch.from_numpy(np.moveaxis(scaled, 1, 3).copy()).permute(0, 3, 1, 2)


def forward(recipe: Cnn, layers: Layers = PLAIN) -> Forward:
    """Return the function that `recipe` computes on images [b, 1, height, width]."""
    options, last = recipe.options, len(recipe.options.channels)

    def features(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        for place in range(1, last + 1):
            x = layers.convolution(parameters, f"conv{place}", x, options.padding)
            if options.norm == "group":
                x = layers.group_norm(parameters, f"norm{place}", x, options.groups)
            if place < last or options.pool == "flatten":
                x = functional.max_pool2d(x, 2)
            x = functional.relu(x)
        return x.mean((2, 3)) if options.pool == "mean" else x.permute(0, 2, 3, 1)

    def logits(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        x = features(parameters, x)
        if options.pool == "votes":
            said = layers.places(parameters, "logit", x.flatten(1, 2))
            z = counted(said, options.vote, options.trim)
        else:
            x = x.flatten(1)
            for layer in recipe.layers[:-1]:
                x = functional.relu(layers.dense(parameters, layer, x))
            z = layers.dense(parameters, "logit", x)
        return z[:, 0] if z.shape[1] == 1 else z

    return logits


def counted(said: Tensor, vote: float, trim: float) -> Tensor:
    """Return logits, [b, levels], of what each place says, [b, levels, places].

    Args:
        said: For or against each level; any size.
        vote: Most that counts of one place.
        trim: Share of the places that is left out at each end of the order, below 1/2; what
            is left is counted as if it were all of them.
    """
    votes = vote * torch.tanh(said / vote)
    places = votes.shape[2]
    out = int(trim * places)
    if out == 0:
        return votes.sum(2)
    kept = votes.sort(2).values[:, :, out : places - out]
    return kept.mean(2) * places


def local_model(
    recipe: Cnn, flat: FlatF32, examples: Examples, inputs: Inputs, descent: Descent
) -> AutogradModel | NetworkModel:
    """Return a model that trains `flat`, in place, on `examples`."""
    single_thread()
    images, y = examples
    tensors = shared(recipe.schema(inputs).split(flat))
    batches = ImageBatches(images, inputs.intensity, recipe.options.shift)
    if inputs.outcome == "levels":
        return NetworkModel(forward(recipe), tensors, batches, y, (inputs, descent))
    return AutogradModel(forward(recipe), tensors, batches, y, descent)


def row_gradients(
    recipe: Cnn, flat: FlatF32, examples: Examples, inputs: Inputs, offset: Offset
) -> LayerRowGradients:
    """Return gradients of single images at `flat`."""
    images, y = examples
    tensors = shared(recipe.schema(inputs).split(flat))
    batches = ImageBatches(images, inputs.intensity, recipe.options.shift)
    return LayerRowGradients(partial(forward, recipe), tensors, batches, y, offset)


def probabilities(
    recipe: Cnn, flat: FlatF32, x: NDArray[Any], inputs: Inputs
) -> NDArray[np.float64]:
    """Return probabilities of the images `x`, [n], or [n, levels]."""
    tensors = shared(recipe.schema(inputs).split(flat))
    return predict(forward(recipe), tensors, ImageBatches(x, inputs.intensity), len(x))
