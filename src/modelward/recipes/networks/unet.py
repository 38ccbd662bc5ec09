"""UNet on grey images and volumes: a mask of the image's extents.

Ronneberger et al. 2015, arXiv:1505.04597, and in space Cicek et al. 2016, arXiv:1606.06650,
with the changes of Isensee et al. 2021 (doi:10.1038/s41592-020-01008-z) that need no buffers:

    down    two of [3x3 convolution, GroupNorm, rectifier] per entry of `channels`; from the
            second entry on, the first convolution has stride 2
    up      every pixel twice, beside what was there at that size, and two again
    end     1x1 convolution to one logit per pixel

Extents are divisible by 2 for every entry of `channels` but the first. A flat image is
convolved in the plane, a volume in space.

Training is for cross-entropy and Dice together (objective.py).
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from collections.abc import Iterator
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.errors import DataError
from modelward.recipes.layers.convolution import convolution, norm, require_groups
from modelward.recipes.networks.network import Network

Width = Annotated[int, Field(ge=1, le=1024)]


class Options(BaseModel):
    """`[recipe.options]` of `unet`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    channels: tuple[Width, ...] = Field(
        default=(16, 32, 64, 128), min_length=2, max_length=7, description="Per size."
    )
    groups: int = Field(default=8, ge=1, le=1024, description="Groups of GroupNorm.")

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> Self:
        require_groups(self.groups, self.channels)
        return self


class Unet(Network):
    """The recipe `unet`, version 1."""

    name: ClassVar[str] = "unet"
    module: ClassVar[str] = "unet_torch"

    def __init__(self, options: Options) -> None:
        self.options = options

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return `down1.conv1.weight` [out, 3, 3, in], ... `logit.bias` [1].

        Raises:
            DataError: If an extent cannot be halved often enough.
        """
        times = 2 ** (len(self.options.channels) - 1)
        if inputs.kind != "image" or any(side % times for side in inputs.shape):
            raise DataError(
                f"inputs of {' x '.join(map(str, inputs.shape))} are not divisible by {times}",
                why="the image is halved for every entry of channels but the first",
                remedy="give recipe.options.channels fewer entries, or resize the images",
            )
        return list(self._specs(len(inputs.shape)))

    def _specs(self, axes: int) -> Iterator[TensorSpec]:
        channels, seen = self.options.channels, 1
        for place, width in enumerate(channels, start=1):
            yield from _two(f"down{place}", seen, width, axes)
            seen = width
        for place in range(len(channels) - 1, 0, -1):
            width = channels[place - 1]
            yield from _two(f"up{place}", seen + width, width, axes)
            seen = width
        yield from convolution("logit", seen, 1, [1] * axes, bias=True)


def _two(name: str, seen: int, given: int, axes: int) -> Iterator[TensorSpec]:
    """Yield the tensors of two convolutions with their normalisations."""
    for place, width in ((1, seen), (2, given)):
        yield from convolution(f"{name}.conv{place}", width, given, [3] * axes)
        yield from norm(f"{name}.norm{place}", given)
