"""Convolutions, pools and normalisation over flat images and volumes alike.

`x` is [b, channels, height, width] or [b, channels, depth, height, width]; the number of
axes says which. Weights are those of the schema (convolution.py), [out, k, ..., in], which
torch reads as channels_last without a copy. Names are NAME.weight, NAME.bias, NAME.gain.

Every operation here is one that torch computes in a fixed order on a GPU as well: no pools
of overlapping windows over volumes, and no interpolation but by repetition.
"""

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from modelward.recipes.layers import fused_norm

Parameters = Mapping[str, Tensor]
"""By schema name."""

FLAT = 4
"""Axes of a batch of flat images."""


def convolve(parameters: Parameters, name: str, x: Tensor, stride: int = 1) -> Tensor:
    """Return a convolution with as much padding as keeps the extents at stride 1."""
    stored = parameters[f"{name}.weight"]
    weight = stored.movedim(-1, 1)
    around = [(side - 1) // 2 for side in weight.shape[2:]]
    bias = parameters.get(f"{name}.bias")
    if x.dim() == FLAT:
        return functional.conv2d(x, weight, bias, stride, around)
    return functional.conv3d(x, weight, bias, stride, around)


def normalise(parameters: Parameters, name: str, x: Tensor, groups: int) -> Tensor:
    """Return GroupNorm of `x` (Wu and He 2018, arXiv:1803.08494), rectified."""
    gain, bias = parameters[f"{name}.gain"], parameters[f"{name}.bias"]
    if fused_norm.takes(x):
        return fused_norm.rectified_group_norm(x, groups, gain, bias)
    return functional.relu(functional.group_norm(x, groups, gain, bias))


def halve(x: Tensor) -> Tensor:
    """Return means over 2 x 2 (x 2) windows; what is left over at an edge is dropped."""
    if x.dim() == FLAT:
        return functional.avg_pool2d(x, 2)
    d, h, w = (side // 2 for side in x.shape[2:])
    x = x[:, :, : 2 * d, : 2 * h, : 2 * w]
    return x.reshape(*x.shape[:2], d, 2, h, 2, w, 2).mean((3, 5, 7))


def double(x: Tensor) -> Tensor:
    """Return every pixel twice along every extent."""
    return functional.interpolate(x, scale_factor=2, mode="nearest")


def mean(x: Tensor) -> Tensor:
    """Return the mean over all positions, [b, channels], in float32."""
    return x.float().flatten(2).mean(2)
