"""A multilayer perceptron on a table: rectified hidden layers and one logit.

Training is mlp_torch.py's business, so that naming this recipe does not import torch.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import Inputs
from modelward.core.tensors import TensorSpec
from modelward.recipes.layers.dense import Width, dense, hidden_layers
from modelward.recipes.networks.in_torch import InTorch


class Options(BaseModel):
    """`[recipe.options]` of `mlp`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    hidden: tuple[Width, ...] = Field(
        default=(64, 64), min_length=1, max_length=9, description="Units per hidden layer."
    )


class Mlp(InTorch):
    """The recipe `mlp`, version 1."""

    name: ClassVar[str] = "mlp"
    trained_in: ClassVar[str] = "mlp_torch"

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, from the inputs to the logit."""
        return hidden_layers(len(self.options.hidden))

    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return `hidden1.weight` [units, columns], ... `logit.bias` [levels, or 1]."""
        return dense(self.layers, (*inputs.shape, *self.options.hidden, inputs.levels))
