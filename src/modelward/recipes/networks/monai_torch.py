"""What a network of MONAI computes: its module, with GroupNorm, called as a function.

MONAI's classes do not all take a normalisation (the blocks of ResNet are always built with
BatchNorm), so each network is built as MONAI builds it and every normalisation in it is then
exchanged for GroupNorm over the same channels. What is left must be layers that mix no two
examples and keep nothing (`_require_plain`); dropout has to be off.

The module itself holds no values: it lies on torch's `meta` device, and is called with the
parameters of the flat vector (torch.func.functional_call). Nothing is computed on that device:
that would import torch's compiler, which takes seconds and wants a folder to write into.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import Any

import torch
from monai.networks import nets
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.recipes.gradients.torch_cpu import Forward
from modelward.recipes.layers.convolution import VOLUME
from modelward.recipes.networks.cnn_torch import ImageBatches
from modelward.recipes.networks.monai import Monai, Options

BOUGHT_IN = nn.modules.batchnorm._NormBase
"""BatchNorm and InstanceNorm, of any number of axes."""

TRANSPOSED = nn.modules.conv._ConvTransposeNd

TAKEN = (nn.modules.conv._ConvNd, nn.Linear, nn.GroupNorm, nn.PReLU)
"""Layers with parameters that a network may have."""

Sizes = tuple[int, int, int, int]
"""Axes of space, channels that are seen, channels that are given, width."""

_RESNETS = {
    "resnet10": ("basic", [1, 1, 1, 1]),
    "resnet18": ("basic", [2, 2, 2, 2]),
    "resnet34": ("basic", [3, 4, 6, 3]),
    "resnet50": ("bottleneck", [3, 4, 6, 3]),
}


def _densenet(name: str) -> Callable[[Sizes], nn.Module]:
    def made(sizes: Sizes) -> nn.Module:
        axes, seen, given, width = sizes
        found: nn.Module = getattr(nets, name)(
            axes, seen, given, init_features=2 * width, growth_rate=width
        )
        return found

    return made


def _resnet(name: str) -> Callable[[Sizes], nn.Module]:
    block, layers = _RESNETS[name]

    def made(sizes: Sizes) -> nn.Module:
        axes, seen, given, width = sizes
        planes = [width * times for times in (1, 2, 4, 8)]
        found: nn.Module = nets.ResNet(
            block, layers, planes, spatial_dims=axes, n_input_channels=seen, num_classes=given
        )
        return found

    return made


def _unet(sizes: Sizes) -> nn.Module:
    axes, seen, given, width = sizes
    channels = [width * times for times in (1, 2, 4, 8, 16)]
    found: nn.Module = nets.UNet(
        axes, seen, given, channels, strides=(2, 2, 2, 2), num_res_units=2
    )
    return found


def _attention(sizes: Sizes) -> nn.Module:
    axes, seen, given, width = sizes
    channels = [width * times for times in (1, 2, 4, 8, 16)]
    found: nn.Module = nets.AttentionUnet(axes, seen, given, channels, strides=(2, 2, 2, 2))
    return found


def _basic(sizes: Sizes) -> nn.Module:
    axes, seen, given, width = sizes
    features = [width * times for times in (1, 1, 2, 4, 8, 1)]
    found: nn.Module = nets.BasicUNet(axes, seen, given, features=features)
    return found


def _segresnet(sizes: Sizes) -> nn.Module:
    axes, seen, given, width = sizes
    norm = ("GROUP", {"num_groups": 1})
    found: nn.Module = nets.SegResNet(axes, width, seen, given, norm=norm)
    return found


def _dynunet(sizes: Sizes) -> nn.Module:
    axes, seen, given, width = sizes
    filters = [width * times for times in (1, 2, 4, 8)]
    found: nn.Module = nets.DynUNet(
        axes, seen, given, [3] * 4, [1, 2, 2, 2], [2] * 3, filters, norm_name="INSTANCE"
    )
    return found


BUILT: Mapping[str, tuple[Callable[[Sizes], nn.Module], str]] = {
    **{
        name: (_densenet(name), "class_layers.out")
        for name in ("DenseNet121", "DenseNet169", "DenseNet201", "DenseNet264")
    },
    **{name: (_resnet(name), "fc") for name in _RESNETS},
    "UNet": (_unet, "model.2.1.conv.unit0.conv"),
    "AttentionUnet": (_attention, "model.2.conv"),
    "BasicUNet": (_basic, "final_conv"),
    "SegResNet": (_segresnet, "conv_final.2.conv"),
    "DynUNet": (_dynunet, "output_block.conv.conv"),
}
"""How each network is built, and the path of its last layer."""


@dataclass(frozen=True, slots=True)
class Place:
    """A parameter of a module.

    Attributes:
        path: Its name in the module.
        spec: The tensor of the schema.
        flipped: Whether the module has the input first, as transposed convolutions do.
    """

    path: str
    spec: TensorSpec
    flipped: bool


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A module without values, and where its parameters are."""

    module: nn.Module
    places: tuple[Place, ...]


def tensors(network: Monai, inputs: Inputs) -> list[TensorSpec]:
    """Return the parameters of `network`; see monai.Monai.specs."""
    return [place.spec for place in _of(network, inputs).places]


def batches(network: Monai, x: NDArray[Any], inputs: Inputs) -> ImageBatches:
    """Return images ready to be taken, [b, slices, height, width]."""
    return ImageBatches(x, inputs.intensity, network.options.shift)


def forward(network: Monai, inputs: Inputs) -> Forward:
    """Return the function that `network` computes on [b, slices, height, width]."""
    built, in_space = _of(network, inputs), network.spatial(inputs) == VOLUME
    single = inputs.levels == 1 or inputs.outcome == "mask"

    def logits(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        given = {
            place.path: parameters[place.spec.name].transpose(0, 1)
            if place.flipped
            else parameters[place.spec.name]
            for place in built.places
        }
        given_x = x[:, None] if in_space else x
        # Layers that are reached by two paths would be put back wrongly with tie_weights.
        z: Tensor = functional_call(built.module, given, given_x, tie_weights=False)
        return (z[:, 0] if single else z).float()

    return logits


def _of(network: Monai, inputs: Inputs) -> Built:
    """Return the module for these inputs, which monai.py has found to fit."""
    axes = network.spatial(inputs)
    seen = 1 if axes == len(inputs.shape) else inputs.shape[0]
    given = 1 if inputs.outcome == "mask" else inputs.levels
    return _built(network.options, axes, seen, given)


@cache
def _built(options: Options, axes: int, seen: int, given: int) -> Built:
    """Return a network of MONAI without values, with GroupNorm throughout."""
    make, last = BUILT[options.network]
    with torch.random.fork_rng(devices=()):  # MONAI draws a start, which nobody uses
        module = make((axes, seen, given, options.channels))
    regroup(module, options.groups)
    require_plain(module, options.network)
    places = [
        _place(path, name, values, module.get_submodule(path), last)
        for path, layer in module.named_modules()
        for name, values in layer.named_parameters(recurse=False)
    ]
    return Built(module.to("meta").eval(), tuple(places))


def regroup(module: nn.Module, groups: int) -> None:
    """Exchange every normalisation in `module` for GroupNorm over the same channels.

    Where `groups` does not divide them (maps of one channel, as attention gates have), there
    are as many groups as divide both.
    """
    for layer in list(module.modules()):
        for name, child in list(layer.named_children()):
            if isinstance(child, BOUGHT_IN):
                channels = child.num_features
            elif isinstance(child, nn.GroupNorm):
                channels = child.num_channels
            else:
                continue
            setattr(layer, name, nn.GroupNorm(gcd(groups, channels), channels))


def require_plain(module: nn.Module, name: str) -> None:
    """Return if a module mixes no two examples, keeps nothing and draws nothing.

    Raises:
        TypeError: If it does; the networks of `BUILT` do not.
    """
    for path, layer in module.named_modules():
        own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
        if isinstance(layer, BOUGHT_IN) or (own and not isinstance(layer, TAKEN)):
            raise TypeError(f"{name} has {type(layer).__name__} at {path}")
        if list(layer.buffers(recurse=False)):
            raise TypeError(f"{name} keeps a buffer at {path}")
        if isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p:
            raise TypeError(f"{name} drops values at random at {path}")


def _place(path: str, name: str, values: Tensor, layer: nn.Module, last: str) -> Place:
    """Return where a parameter is, and what the schema calls it."""
    flipped = isinstance(layer, TRANSPOSED) and name == "weight"
    shape = tuple(values.transpose(0, 1).shape if flipped else values.shape)
    parts = ["logit"] if path == last else path.lower().split(".")
    called = name
    if isinstance(layer, nn.GroupNorm):
        parts[-1] = parts[-1] if parts[-1].startswith("norm") else f"norm_{parts[-1]}"
        called = "gain" if name == "weight" else name
    elif isinstance(layer, nn.PReLU):
        called = "slope"
    spec = TensorSpec(".".join((*parts, called)), "F32", shape)
    return Place(f"{path}.{name}", spec, flipped)
