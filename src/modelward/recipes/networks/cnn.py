"""A small convolutional network on grey images.

    [3x3 convolution, normalisation, 2x2 max-pool, rectifier] per entry of `channels`,
    then the mean over what is left of the image, or all of it (`pool`),
    then rectified layers of `hidden` units, then one logit.

With `pool = "mean"` the mean takes the place of the last max-pool. Pooling before the
rectifier gives the same numbers as after it (both are monotone) for a quarter of the work.

With `pool = "votes"` there is no last max-pool either, and each place that is left says a logit
of its own, with weights of its own. None counts more than `vote`, and the share `trim` that
says least and most is left out; the logit is their sum. So a small patch, seen by few places,
moves the logit no further than `moved_at_most`, whatever it shows and whoever trained the model
(Xiang et al. 2021, arXiv:2005.10884, bounded evidence of small receptive fields). A norm would
carry a patch over the whole image, and hidden layers its weight, so both are refused there.

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

from math import prod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.errors import DataError
from modelward.recipes.layers.convolution import require_groups
from modelward.recipes.layers.dense import dense, hidden_layers
from modelward.recipes.networks.in_torch import InTorch

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
    pool: Literal["mean", "flatten", "votes"] = Field(
        default="mean", description="What the layers after the convolutions see."
    )
    vote: float = Field(
        default=0.1, gt=0, le=64, description="Most that a place adds to a logit, in `votes`."
    )
    trim: float = Field(
        default=0.0, ge=0, lt=0.5, description="Share left out at each end, in `votes`."
    )
    shift: int = Field(default=0, ge=0, le=64, description="Pixels of random translation.")

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> Self:
        if self.norm == "group":
            require_groups(self.groups, self.channels)
        return self

    @model_validator(mode="after")
    def _votes_stay_where_they_are(self) -> Self:
        if self.pool == "votes" and (self.norm != "none" or self.hidden):
            raise ValueError(
                'pool = "votes" needs norm = "none" and no hidden: either would carry what one '
                "place shows to all the others"
            )
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
        if self.options.pool == "votes":
            height, width = self._sides(inputs)
            own = (inputs.levels, height * width, depth)
            bias = TensorSpec("logit.bias", "F32", (inputs.levels,))
            return [*specs, TensorSpec("logit.weight", "F32", own), bias]
        widths = (self._seen(inputs), *self.options.hidden, inputs.levels)
        return [*specs, *dense(self.layers, widths)]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers after the convolutions, up to the logit."""
        return hidden_layers(len(self.options.hidden))

    def moved_at_most(self, inputs: Inputs, patch: int) -> float:
        """Return how far a patch can move a logit of `votes`, whatever and wherever it is.

        Every place that sees it may turn from `vote` to -`vote`; leaving places out at both
        ends moves no more, but counts what is left for all. Of two logits, each moves so far.

        Args:
            inputs: Images.
            patch: Its height and width, in pixels, at least 1.
        """
        places = prod(self._sides(inputs))
        touched = prod(self._touched(side, patch) for side in inputs.shape[-FLAT:])
        counted = places - 2 * int(self.options.trim * places)
        return 2 * self.options.vote * touched * places / counted

    def _touched(self, side: int, patch: int) -> int:
        """Return along one axis how many places see some of a patch, at most."""
        most = 0
        for start in range(max(1, side - patch + 1)):
            first, last, left = start, min(start + patch, side) - 1, side
            around = KERNEL // 2 if self.options.padding == "same" else 0
            for place in range(len(self.options.channels)):
                left += 2 * around - KERNEL + 1
                first = max(first + around - KERNEL + 1, 0)
                last = min(last + around, left - 1)
                if self._halved(place):
                    left //= 2
                    first, last = first // 2, min(last // 2, left - 1)
            most = max(most, last - first + 1)
        return most

    def _halved(self, place: int) -> bool:
        """Return whether a max-pool follows the convolution `place`, counted from 0."""
        return self.options.pool == "flatten" or place < len(self.options.channels) - 1

    def _sides(self, inputs: Inputs) -> tuple[int, int]:
        """Return height and width of what the convolutions leave.

        Raises:
            DataError: If nothing is left.
        """
        height, width = inputs.shape[-FLAT:]
        lost = KERNEL - 1 if self.options.padding == "valid" else 0
        for place in range(len(self.options.channels)):
            height, width = height - lost, width - lost
            if self._halved(place):
                height, width = height // 2, width // 2
        if min(height, width) < 1:
            raise DataError(
                f"an image of {inputs.shape[-2]} x {inputs.shape[-1]} pixels is used up by "
                f"{len(self.options.channels)} convolutions",
                why="every convolution is followed by a pooling that halves the image",
                remedy="give recipe.options.channels fewer entries, or use larger images",
            )
        return height, width

    def _seen(self, inputs: Inputs) -> int:
        """Return how many values the first layer after the convolutions sees."""
        height, width = self._sides(inputs)
        area = height * width if self.options.pool == "flatten" else 1
        return self.options.channels[-1] * area
