"""What `densenet` computes, and its images as they are taken in batches."""

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.recipes.gradients.torch_cpu import Forward
from modelward.recipes.layers.convolution import VOLUME
from modelward.recipes.layers.spatial import FLAT, Parameters, convolve, halve, mean, normalise
from modelward.recipes.networks.cnn_torch import ImageBatches
from modelward.recipes.networks.densenet import Densenet


def batches(network: Densenet, x: NDArray[Any], inputs: Inputs) -> ImageBatches:
    """Return images ready to be taken, [b, slices, height, width]."""
    return ImageBatches(x, inputs.intensity, network.options.shift)


def forward(network: Densenet, inputs: Inputs) -> Forward:
    """Return the function that `network` computes on [b, slices, height, width]."""
    in_space = network.spatial(inputs) == VOLUME
    single = inputs.levels == 1
    groups, blocks = network.options.groups, network.options.blocks

    def logits(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        x = _entry(network, parameters, x[:, None] if in_space else x)
        for place, layers in enumerate(blocks, start=1):
            x = _block(parameters, f"block{place}", x, layers, groups)
            name = f"transition{place}" if place < len(blocks) else "end"
            x = normalise(parameters, f"{name}.norm", x, groups)
            if place < len(blocks):
                x = halve(convolve(parameters, f"{name}.conv", x))
        weight, bias = parameters["logit.weight"].float(), parameters["logit.bias"].float()
        z = functional.linear(mean(x), weight, bias)
        return z[:, 0] if single else z

    return logits


def _entry(network: Densenet, parameters: Parameters, x: Tensor) -> Tensor:
    """Return what the first convolution makes of the images, a quarter of their size."""
    large = network.options.entry == "large"
    x = convolve(parameters, "entry.conv", x, 2 if large else 1)
    x = normalise(parameters, "entry.norm", x, network.options.groups)
    if not large:
        return x
    return functional.max_pool2d(x, 3, 2, 1) if x.dim() == FLAT else halve(x)


def _block(parameters: Parameters, name: str, x: Tensor, layers: int, groups: int) -> Tensor:
    """Return `x` with the channels that every layer of a block adds."""
    for layer in range(1, layers + 1):
        here = f"{name}.layer{layer}"
        new = normalise(parameters, f"{here}.norm1", x, groups)
        new = convolve(parameters, f"{here}.conv1", new)
        new = normalise(parameters, f"{here}.norm2", new, groups)
        x = torch.cat((x, convolve(parameters, f"{here}.conv2", new)), 1)
    return x
