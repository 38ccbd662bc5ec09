"""DenseNet on grey or colour images and on volumes, with GroupNorm.

Huang et al. 2017, arXiv:1608.06993, table 1. The defaults are DenseNet-121:

    entry        7x7 convolution of stride 2, normalisation, 3x3 max-pool of stride 2
    block        layers of [normalisation, 1x1 convolution to squeeze * growth channels,
                 normalisation, 3x3 convolution to growth channels], each seeing all before it
    transition   normalisation, 1x1 convolution to half the channels, 2x2 mean
    end          normalisation, mean over positions, one logit (or one of each level)

`entry = "small"` is the paper's for images of few pixels: a 3x3 convolution and no pool.

GroupNorm (Wu and He 2018, arXiv:1803.08494) is in the place of BatchNorm, whose running mean
is a buffer about patients: a published DenseNet-121 cannot be loaded into this one.

`volume = "space"` convolves a volume along its depth too; with "channels" its slices are
channels, as the colours of an image are.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.errors import DataError
from modelward.recipes.layers.convolution import convolution, norm, positions
from modelward.recipes.layers.dense import dense
from modelward.recipes.networks.network import Network

Layers = Annotated[int, Field(ge=1, le=64)]


class Options(BaseModel):
    """`[recipe.options]` of `densenet`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    blocks: tuple[Layers, ...] = Field(
        default=(6, 12, 24, 16), min_length=1, max_length=6, description="Layers per block."
    )
    growth: int = Field(default=32, ge=1, le=256, description="Channels added by a layer.")
    stem: int = Field(default=64, ge=1, le=1024, description="Channels of the entry.")
    squeeze: int = Field(
        default=4, ge=1, le=16, description="Channels of a 1x1 convolution, in growths."
    )
    groups: int = Field(default=32, ge=1, le=1024, description="Groups of GroupNorm.")
    entry: Literal["large", "small"] = Field(
        default="large", description="Quarter the image first, or keep its size."
    )
    volume: Literal["space", "channels"] = Field(
        default="space", description="What the slices of a volume are."
    )
    shift: int = Field(default=0, ge=0, le=64, description="Pixels of random translation.")

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> Self:
        odd = [width for width in self.normalised() if width % self.groups]
        if odd:
            raise ValueError(
                f"groups = {self.groups} must divide every number of channels, not {odd[0]}"
            )
        return self

    def normalised(self) -> list[int]:
        """Return the channels of every normalisation."""
        found, width = [self.stem, self.squeeze * self.growth], self.stem
        for place, layers in enumerate(self.blocks):
            found += [width + layer * self.growth for layer in range(layers + 1)]
            width += layers * self.growth
            width = width // 2 if place + 1 < len(self.blocks) else width
        return found


class Densenet(Network):
    """The recipe `densenet`, version 1."""

    name: ClassVar[str] = "densenet"
    module: ClassVar[str] = "densenet_torch"

    def __init__(self, options: Options) -> None:
        self.options = options

    def spatial(self, inputs: Inputs) -> int:
        """Return along how many axes there are positions: 2, or 3 for a volume in space."""
        return positions(inputs, self.options.volume)

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return `entry.conv.weight`, `block1.layer1.norm1.gain`, ... `logit.bias`.

        Raises:
            DataError: If the image is too small for this many blocks.
        """
        self._require_room(inputs)
        return list(self._specs(inputs))

    def _specs(self, inputs: Inputs) -> Iterator[TensorSpec]:
        options, axes = self.options, self.spatial(inputs)
        seen = 1 if axes == len(inputs.shape) else inputs.shape[0]
        width, side = options.stem, 7 if options.entry == "large" else 3
        yield from convolution("entry.conv", seen, width, [side] * axes)
        yield from norm("entry.norm", width)
        for place, layers in enumerate(options.blocks, start=1):
            for layer in range(1, layers + 1):
                yield from self._layer(f"block{place}.layer{layer}", width, axes)
                width += options.growth
            if place < len(options.blocks):
                yield from norm(f"transition{place}.norm", width)
                squeezed, name = width // 2, f"transition{place}.conv"
                yield from convolution(name, width, squeezed, [1] * axes)
                width = squeezed
        yield from norm("end.norm", width)
        yield from dense(("logit",), (width, inputs.levels))

    def _layer(self, name: str, width: int, axes: int) -> Iterator[TensorSpec]:
        squeezed = self.options.squeeze * self.options.growth
        yield from norm(f"{name}.norm1", width)
        yield from convolution(f"{name}.conv1", width, squeezed, [1] * axes)
        yield from norm(f"{name}.norm2", squeezed)
        yield from convolution(f"{name}.conv2", squeezed, self.options.growth, [3] * axes)

    def _require_room(self, inputs: Inputs) -> None:
        halvings = len(self.options.blocks) - 1 + 2 * (self.options.entry == "large")
        sides = inputs.shape[-self.spatial(inputs) :]
        if inputs.kind != "image" or min(sides) >> halvings < 1:
            raise DataError(
                f"inputs of {' x '.join(map(str, inputs.shape))} are used up by "
                f"{len(self.options.blocks)} blocks",
                why=f"the image is halved {halvings} times",
                remedy="set recipe.options.entry = 'small', or give blocks fewer entries",
            )
