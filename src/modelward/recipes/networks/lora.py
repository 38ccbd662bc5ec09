"""Low-rank adapters on a frozen network, and a head of the task's own; only these travel.

Source: Hu et al. 2021, arXiv:2106.09685, section 4.1. Every weight W of the backbone,
[out, ...] with fan-in k, that is larger than its adapters stays as it is, and the network
computes with

    W + scale * up down          down [rank, k], up [out, rank]; up starts at 0

so that training begins at the backbone. The head (`logit`) is trained whole and starts anew.
Biases and normalisation of the backbone are frozen too.

The backbone is one of the networks on images here, with its own options beside these, and its
weights are a local file (backbone.py). Hub and gate see adapters and head only, so an update is
as long as these, and every rule, bound and mask is about them.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from math import prod, sqrt
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.errors import DataError
from modelward.recipes.layers.dense import network_start
from modelward.recipes.layers.draws import draws
from modelward.recipes.networks import cnn, densenet
from modelward.recipes.networks.network import Network

HEAD = "logit."
"""How the tensors of a head begin."""

BACKBONES: dict[str, tuple[type[BaseModel], Any]] = {
    "cnn": (cnn.Options, cnn.Cnn),
    "densenet": (densenet.Options, densenet.Densenet),
}


class Options(BaseModel):
    """`[recipe.options]` of `lora`; those of the backbone's recipe go beside them."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    backbone: Literal["cnn", "densenet"] = Field(
        default="densenet", description="The recipe whose network is frozen; its options too."
    )
    sha256: str = Field(
        default="0" * 64,
        pattern=r"^[0-9a-f]{64}$",
        description="Of the safetensors file with its weights, backbones/SHA256.safetensors.",
    )
    rank: int = Field(default=4, ge=1, le=256, description="Of an adapter.")
    scale: float = Field(default=1.0, gt=0, le=64, description="What adapters count.")

    @model_validator(mode="after")
    def _backbone_takes_the_rest(self) -> Self:
        try:
            BACKBONES[self.backbone][0](**(self.model_extra or {}))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            said = f"{self.backbone!r} does not take these options: {place}: {first['msg']}"
            raise ValueError(said) from error
        return self


class Lora(Network):
    """The recipe `lora`, version 1."""

    name: ClassVar[str] = "lora"
    module: ClassVar[str] = "lora_torch"

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def backbone(self) -> Any:  # noqa: ANN401 - a Cnn or a Network
        """The recipe of the frozen network."""
        options, made = BACKBONES[self.options.backbone]
        return made(options(**(self.options.model_extra or {})))

    def frozen(self, inputs: Inputs) -> Schema:
        """Return the tensors of the backbone that are read from its file."""
        return Schema.of(
            *(s for s in self.backbone.schema(inputs) if not s.name.startswith(HEAD))
        )

    def adapted(self, inputs: Inputs) -> list[TensorSpec]:
        """Return the weights of the backbone that have adapters.

        Raises:
            DataError: If none is larger than its adapters.
        """
        rank = self.options.rank
        found = [
            spec
            for spec in self.frozen(inputs)
            if len(spec.shape) > 1 and rank * (spec.shape[0] + _fan(spec)) < spec.size
        ]
        if not found:
            raise DataError(
                f"no weight of the backbone is larger than adapters of rank {rank}",
                why="such adapters are no smaller than what they stand for",
                remedy="lower recipe.options.rank, or train the network itself",
            )
        return found

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return NAME.down [rank, fan-in], NAME.up [out, rank] of each, and the head."""
        rank = self.options.rank
        head = [s for s in self.backbone.schema(inputs) if s.name.startswith(HEAD)]
        for spec in self.adapted(inputs):
            stem = spec.name.removesuffix(".weight")
            head.append(TensorSpec(f"{stem}.down", "F32", (rank, _fan(spec))))
            head.append(TensorSpec(f"{stem}.up", "F32", (spec.shape[0], rank)))
        return head

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Return a new head, and adapters that change nothing yet."""
        schema = self.schema(inputs)
        flat = np.zeros(schema.size, np.float32)
        named = schema.split(flat)
        head = Schema.of(*(spec for spec in schema if spec.name.startswith(HEAD)))
        for name, values in head.split(network_start(head, seed)).items():
            named[name][...] = values
        for name, values in named.items():
            if name.endswith(".down"):
                bound = sqrt(3.0 / values.shape[1])
                drawn = draws("start", seed, name).uniform(-bound, bound, values.shape)
                values[...] = drawn
        return flat


def backbone_of(choice: RecipeChoice) -> str | None:
    """Return the hash of the backbone that a study needs; None if it needs none."""
    return str(choice.options.get("sha256", "")) if choice.name == Lora.name else None


def _fan(spec: TensorSpec) -> int:
    return prod(spec.shape[1:])
