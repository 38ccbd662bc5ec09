"""Networks of MONAI by name, with GroupNorm in the place of their own normalisation.

Cardoso et al. 2022, arXiv:2211.02701; the package is Apache-2.0 and is installed by the extra
`modelward[monai]`. Which networks there are is fixed by `NETWORKS`: a study names one of them,
never a class to import.

    classes   DenseNet121 ... 264   Huang et al. 2017, arXiv:1608.06993
              resnet10 ... 50       He et al. 2016, arXiv:1512.03385, as MONAI has them in space
    masks     UNet, BasicUNet       Ronneberger et al. 2015, arXiv:1505.04597
              AttentionUnet         Oktay et al. 2018, arXiv:1804.03999
              SegResNet             Myronenko 2018, arXiv:1810.11654
              DynUNet               Isensee et al. 2021, doi:10.1038/s41592-020-01008-z

What such a network has for parameters follows from MONAI's class, so this recipe needs torch
and MONAI for its schema too (monai_torch.py). Its start is drawn as every network's here
(dense.py), not by MONAI. MONAI is code from outside modelward: a site allows it by hash
(brought.py).
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, TensorSpec
from modelward.errors import DataError
from modelward.recipes.layers.convolution import positions
from modelward.recipes.networks.network import Network
from modelward.recipes.torch_present import require_monai

Name = Literal[
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "DenseNet264",
    "resnet10",
    "resnet18",
    "resnet34",
    "resnet50",
    "UNet",
    "BasicUNet",
    "AttentionUnet",
    "SegResNet",
    "DynUNet",
]

CLASSES = frozenset({"boolean", "category"})
MASKS = frozenset({"mask"})

SLOPE = 0.25
"""Where a PReLU starts (He et al. 2015, arXiv:1502.01852)."""

Fits = tuple[frozenset[str], int, int]

_RESNETS: Fits = (CLASSES, 64, 1)
_DENSENETS: Fits = (CLASSES, 32, 32)

NETWORKS: Mapping[str, Fits] = MappingProxyType(
    {
        **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), _DENSENETS),
        "DenseNet264": _DENSENETS,
        **dict.fromkeys(("resnet10", "resnet18", "resnet34", "resnet50"), _RESNETS),
        **dict.fromkeys(("UNet", "BasicUNet", "AttentionUnet"), (MASKS, 16, 16)),
        "DynUNet": (MASKS, 16, 8),
        "SegResNet": (MASKS, 8, 8),
    }
)
"""What each predicts; its `width` where a study says nothing; and the least extent, of which
every extent is a multiple where masks are drawn."""


class Options(BaseModel):
    """`[recipe.options]` of `monai`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    network: Name = Field(default="DenseNet121", description="Name of the network in MONAI.")
    width: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None,
        description="Channels at full size; of a DenseNet, those that a layer adds. "
        "32 of a DenseNet, 64 of a resnet, 8 of SegResNet, 16 of the others if absent.",
    )
    groups: int = Field(default=8, ge=1, le=1024, description="Groups of GroupNorm.")
    volume: Literal["space", "channels"] = Field(
        default="space", description="What the slices of a volume are, where there are classes."
    )
    shift: int = Field(
        default=0, ge=0, le=64, description="Pixels of random translation; 0 with masks."
    )

    @model_validator(mode="after")
    def _fits_the_network(self) -> Self:
        if self.channels % self.groups:
            raise ValueError(
                f"groups = {self.groups} must divide width, which is {self.channels}"
            )
        if self.predicts == MASKS and (self.shift or self.volume == "channels"):
            raise ValueError(
                f"{self.network} draws masks, which lie in space and are not moved: leave "
                "volume and shift out"
            )
        return self

    @property
    def channels(self) -> int:
        """The width, the network's own if the study says none."""
        return self.width or NETWORKS[self.network][1]

    @property
    def predicts(self) -> frozenset[str]:
        """Types of targets that the network can be trained for."""
        return NETWORKS[self.network][0]


class Monai(Network):
    """The recipe `monai`, version 1."""

    name: ClassVar[str] = "monai"
    module: ClassVar[str] = "monai_torch"

    def __init__(self, options: Options) -> None:
        self.options = options

    def spatial(self, inputs: Inputs) -> int:
        """Return along how many axes there are positions: 2, or 3 for a volume in space."""
        return positions(inputs, self.options.volume)

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return the parameters by MONAI's names, but for those that say what they are.

        Tensors of normalisations are `norm... .gain` and `.bias`, those of the last layer
        `logit.weight` and `.bias`, that of a PReLU `.slope`; weights have the output first.

        Raises:
            MissingExtra: If MONAI is not installed.
            DataError: If the network does not take these inputs.
        """
        require_monai()
        self._require_room(inputs)
        found: list[TensorSpec] = self.computed().tensors(self, inputs)
        return found

    def _require_room(self, inputs: Inputs) -> None:
        if inputs.kind != "image" or (inputs.outcome == "mask") != (
            self.options.predicts == MASKS
        ):
            raise DataError(
                f"{self.options.network} does not predict {inputs.outcome!r} of "
                f"a {inputs.kind}",
                why=f"it is for {' or '.join(sorted(self.options.predicts))}, of images",
                remedy="set recipe.options.network to another one (docs/networks.md)",
            )
        predicts, _, least = NETWORKS[self.options.network]
        sides = inputs.shape[-self.spatial(inputs) :]
        ragged = predicts == MASKS and any(side % least for side in sides)
        if min(sides) < least or ragged:
            at_least = "a multiple of" if predicts == MASKS else "at least"
            raise DataError(
                f"inputs of {' x '.join(map(str, inputs.shape))} do not go through "
                f"{self.options.network}",
                why=f"it halves them several times: every extent is {at_least} {least}",
                remedy="resize the images, or take 'densenet' or 'unet' with fewer steps",
            )

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Return the start of dense.py for `seed`, and PReLUs at `SLOPE`."""
        flat = super().initial(inputs, seed)
        for name, values in self.schema(inputs).split(flat).items():
            if name.endswith(".slope"):
                values[...] = np.float32(SLOPE)
        return flat
