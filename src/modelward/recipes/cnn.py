"""A small convolutional network on grey images.

    [3x3 convolution, normalisation, 2x2 max-pool, rectifier] per entry of `channels`,
    then the mean over what is left of the image, or all of it (`pool`),
    then rectified layers of `hidden` units, then one logit.

With `pool = "mean"` the mean takes the place of the last max-pool. Pooling before the
rectifier gives the same numbers as after it (both are monotone) for a quarter of the work.

Normalisation is GroupNorm (Wu and He 2018, arXiv:1803.08494) or none. Never BatchNorm: its
running mean is a buffer about patients, and matched a single record in our tests.

Convolution weights lie in the flat vector with the input channel last, [out, kh, kw, in],
which is the layout that CPU convolutions read fastest (torch calls it channels_last).

The slices of a volume are the input channels of the first convolution, as colours would be.

Training varies images by shifts of up to `shift` pixels each way, edges repeated. Training
itself is cnn_torch.py's business, so that naming this recipe does not import torch.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.errors import DataError
from modelward.recipes.convolution import require_groups
from modelward.recipes.dense import dense, hidden_layers
from modelward.recipes.in_torch import InTorch

KERNEL = 3
"""Height and width of every convolution."""

FLAT = 2
"""Extents of an image; a volume has its slices before them."""

Width = Annotated[int, Field(ge=1, le=4096)]


class Options(BaseModel):
    """`[recipe.options]` of `cnn`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    channels: tuple[Width, ...] = Field(
        default=(16, 32, 64), min_length=1, max_length=8, description="Per convolution."
    )
    hidden: tuple[Width, ...] = Field(
        default=(), max_length=8, description="Units of the layers before the logit."
    )
    norm: Literal["group", "none"] = Field(default="group", description="GroupNorm, or none.")
    groups: int = Field(default=8, ge=1, le=4096, description="Groups of GroupNorm.")
    padding: Literal["same", "valid"] = Field(
        default="same", description="Whether a convolution keeps the size of the image."
    )
    pool: Literal["mean", "flatten"] = Field(
        default="mean", description="What the layers after the convolutions see."
    )
    shift: int = Field(default=0, ge=0, le=64, description="Pixels of random translation.")

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> Self:
        if self.norm == "group":
            require_groups(self.groups, self.channels)
        return self


class Cnn(InTorch):
    """The recipe `cnn`, version 1."""

    name: ClassVar[str] = "cnn"
    trained_in: ClassVar[str] = "cnn_torch"

    def __init__(self, options: Options) -> None:
        self.options = options

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return `conv1.weight` [out, 3, 3, in], `conv1.bias`, `norm1.gain`, ... `logit.bias`.

        Raises:
            DataError: If the image is too small for this many convolutions.
        """
        specs: list[TensorSpec] = []
        depth = 1 if len(inputs.shape) == FLAT else inputs.shape[0]
        for place, width in enumerate(self.options.channels, start=1):
            kernel = (width, KERNEL, KERNEL, depth)
            specs.append(TensorSpec(f"conv{place}.weight", "F32", kernel))
            specs.append(TensorSpec(f"conv{place}.bias", "F32", (width,)))
            if self.options.norm == "group":
                specs.append(TensorSpec(f"norm{place}.gain", "F32", (width,)))
                specs.append(TensorSpec(f"norm{place}.bias", "F32", (width,)))
            depth = width
        widths = (self._seen(inputs), *self.options.hidden, inputs.levels)
        return [*specs, *dense(self.layers, widths)]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers after the convolutions, up to the logit."""
        return hidden_layers(len(self.options.hidden))

    def _seen(self, inputs: Inputs) -> int:
        """Return how many values the first layer after the convolutions sees."""
        sides = list(inputs.shape[-FLAT:])
        lost = KERNEL - 1 if self.options.padding == "valid" else 0
        last = len(self.options.channels) - 1
        for place in range(last + 1):
            sides = [side - lost for side in sides]
            if place < last or self.options.pool == "flatten":
                sides = [side // 2 for side in sides]
        if min(sides) < 1:
            raise DataError(
                f"an image of {inputs.shape[-2]} x {inputs.shape[-1]} pixels is used up by "
                f"{last + 1} convolutions",
                why="every convolution is followed by a pooling that halves the image",
                remedy="give recipe.options.channels fewer entries, or use larger images",
            )
        area = sides[0] * sides[1] if self.options.pool == "flatten" else 1
        return self.options.channels[-1] * area
