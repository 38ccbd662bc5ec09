"""What `unet` computes, and its images as they are taken in batches."""

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from modelward.core.columns import Inputs
from modelward.recipes.gradients.torch_cpu import Forward
from modelward.recipes.layers.spatial import Parameters, convolve, double, normalise
from modelward.recipes.networks.cnn_torch import ImageBatches
from modelward.recipes.networks.unet import Unet


def batches(network: Unet, x: NDArray[Any], inputs: Inputs) -> ImageBatches:
    """Return images ready to be taken, [b, slices, height, width]."""
    del network
    return ImageBatches(x, inputs.intensity)


def forward(network: Unet, inputs: Inputs) -> Forward:
    """Return the function that `network` computes: one logit per pixel, [b, *extents]."""
    in_space = len(inputs.shape) > 2  # noqa: PLR2004 - height and width
    groups, sizes = network.options.groups, len(network.options.channels)

    def logits(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        x = x[:, None] if in_space else x
        seen = []
        for place in range(1, sizes + 1):
            x = _two(parameters, f"down{place}", x, groups, 1 if place == 1 else 2)
            seen.append(x)
        for place in range(sizes - 1, 0, -1):
            x = torch.cat((double(x), seen[place - 1]), 1)
            x = _two(parameters, f"up{place}", x, groups)
        return convolve(parameters, "logit", x)[:, 0].float()

    return logits


def _two(parameters: Parameters, name: str, x: Tensor, groups: int, stride: int = 1) -> Tensor:
    """Return two convolutions of `x`, each normalised and rectified."""
    x = normalise(
        parameters, f"{name}.norm1", convolve(parameters, f"{name}.conv1", x, stride), groups
    )
    return normalise(
        parameters, f"{name}.norm2", convolve(parameters, f"{name}.conv2", x), groups
    )
