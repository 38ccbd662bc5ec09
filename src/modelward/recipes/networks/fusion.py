"""An image and a row of a table, fused late; either may be absent.

    image   for every entry of `channels` [3x3 convolution, GroupNorm, rectifier, mean of 2x2],
            then the mean over all positions and a rectified layer of `width`
    row     rectified layers of `hidden`, then one of `width`
    fused   a rectified layer over both, and the logit

What an absent modality would have said is replaced by a vector that is learnt (`without`), so
it neither moves nor is moved by that branch: a patient without an image, or a hospital without
a scanner, trains the rest. (On learning where modalities are missing: Ma et al. 2021,
arXiv:2103.05677.)

A hospital that lacks a modality sends 0 for its branch, and the mean over hospitals counts it
by its patients like any other: the branch then moves more slowly, never elsewhere.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.errors import DataError
from modelward.recipes.layers.convolution import convolution, norm, require_groups
from modelward.recipes.layers.dense import Width, dense
from modelward.recipes.networks.network import Network

FLAT = 2


class Options(BaseModel):
    """`[recipe.options]` of `fusion`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    channels: tuple[Width, ...] = Field(
        default=(8, 16), min_length=1, max_length=6, description="Per convolution of the image."
    )
    groups: int = Field(default=8, ge=1, le=1024, description="Groups of GroupNorm.")
    hidden: tuple[Width, ...] = Field(
        default=(16,), max_length=9, description="Units per layer of the row."
    )
    width: int = Field(default=16, ge=1, le=4096, description="Units that each says in.")

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> Self:
        require_groups(self.groups, self.channels)
        return self


class Fusion(Network):
    """The recipe `fusion`, version 1."""

    name: ClassVar[str] = "fusion"
    module: ClassVar[str] = "fusion_torch"

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def row_layers(self) -> tuple[str, ...]:
        """Names of the layers of the row, from the columns on."""
        return (*(f"row{n + 1}" for n in range(len(self.options.hidden))), "row")

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return `image1.weight` [out, 3, 3, in], ... `without.image.bias`, ... `logit.bias`.

        Raises:
            DataError: If the inputs are not both, or the image is used up.
        """
        options = self.options
        small = min(inputs.shape[-FLAT:]) >> len(options.channels) < 1
        if inputs.kind != "image-and-table" or small:
            raise DataError(
                f"inputs of kind {inputs.kind}, {' x '.join(map(str, inputs.shape))}",
                why="this network reads a table and images that can be halved per convolution",
                remedy="ask for both, or give recipe.options.channels fewer entries",
            )
        seen = inputs.shape[0] if len(inputs.shape) > FLAT else 1
        specs: list[TensorSpec] = []
        for place, given in enumerate(options.channels, start=1):
            specs += convolution(f"image{place}", seen, given, [3, 3])
            specs += norm(f"norm{place}", given)
            seen = given
        width = options.width
        for name in ("image", "row"):
            specs.append(TensorSpec(f"without.{name}.bias", "F32", (width,)))
        return [
            *specs,
            *dense(("image",), (seen, width)),
            *dense(self.row_layers, (inputs.columns, *options.hidden, width)),
            *dense(("fused", "logit"), (2 * width, width, inputs.levels)),
        ]
