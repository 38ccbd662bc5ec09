"""The layers that networks here are made of, by the names of their tensors.

A `forward` that computes through these can be computed in two ways: `PLAIN`, and with what
goes in and comes out of each layer written down (layer_gradients.py). Layouts are those of
the schema: dense weights [out, in]; convolution weights [out, kh, kw, in]; weights of places
[out, places, in].
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

Parameters = Mapping[str, Tensor]
"""By schema name."""


class Layers(Protocol):
    """How the layers of a network are computed."""

    def dense(self, parameters: Parameters, name: str, x: Tensor) -> Tensor:
        """Return x W^T + b, [b, out], of `name`.weight and `name`.bias; x is [b, in]."""
        ...

    def convolution(self, parameters: Parameters, name: str, x: Tensor, padding: str) -> Tensor:
        """Return a convolution of `x`, [b, in, h, w], with stride 1."""
        ...

    def group_norm(self, parameters: Parameters, name: str, x: Tensor, groups: int) -> Tensor:
        """Return `x` normalised in groups of channels, with `name`.gain and `name`.bias."""
        ...

    def places(self, parameters: Parameters, name: str, x: Tensor) -> Tensor:
        """Return what each place says, [b, out, places]; x is [b, places, in].

        Every place has weights of its own, and an equal share of `name`.bias.
        """
        ...


class Plain:
    """Layers as torch computes them."""

    def dense(self, parameters: Parameters, name: str, x: Tensor) -> Tensor:
        """See `Layers`."""
        return functional.linear(x, parameters[f"{name}.weight"], parameters[f"{name}.bias"])

    def convolution(self, parameters: Parameters, name: str, x: Tensor, padding: str) -> Tensor:
        """See `Layers`."""
        weight = parameters[f"{name}.weight"].permute(0, 3, 1, 2)
        return functional.conv2d(x, weight, parameters[f"{name}.bias"], padding=padding)

    def group_norm(self, parameters: Parameters, name: str, x: Tensor, groups: int) -> Tensor:
        """See `Layers`."""
        gain, bias = parameters[f"{name}.gain"], parameters[f"{name}.bias"]
        return functional.group_norm(x, groups, gain, bias)

    def places(self, parameters: Parameters, name: str, x: Tensor) -> Tensor:
        """See `Layers`."""
        weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
        return torch.einsum("bpc,opc->bop", x, weight) + bias[:, None] / x.shape[1]


PLAIN = Plain()
