"""A multilayer perceptron on a table: rectified hidden layers and one logit.

Training is mlp_torch.py's business, so that naming this recipe does not import torch.
"""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, Schema
from modelward.recipes.dense import dense, network_start
from modelward.recipes.recipe import Descent, Labels, LocalModel, Offset, RowGradients
from modelward.recipes.torch_present import require_torch

Width = Annotated[int, Field(ge=1, le=65536)]


class Options(BaseModel):
    """`[recipe.options]` of `mlp`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    hidden: tuple[Width, ...] = Field(
        default=(64, 64), min_length=1, max_length=9, description="Units per hidden layer."
    )


class Mlp:
    """The recipe `mlp`, version 1."""

    name = "mlp"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def schema(self, inputs: Inputs) -> Schema:
        """Return `hidden1.weight` [units, columns], ... `logit.bias` [1], in name order."""
        return Schema.of(
            *dense(self.layers, (*inputs.shape, *self.options.hidden, inputs.levels))
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, from the inputs to the logit."""
        return (*(f"hidden{i + 1}" for i in range(len(self.options.hidden))), "logit")

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Return the start of starts.py for `seed`."""
        return network_start(self.schema(inputs), seed)

    def local_model(
        self,
        flat: FlatF32,
        x: NDArray[Any],
        y: Labels,
        inputs: Inputs,
        descent: Descent,
    ) -> LocalModel:
        """Return a model that trains `flat` in place; see recipe.Recipe."""
        require_torch()
        from modelward.recipes import mlp_torch  # noqa: PLC0415 - imports torch

        tensors = self.schema(inputs).split(flat)
        if inputs.outcome == "levels":
            return mlp_torch.level_model(self.layers, tensors, (x, y), inputs, descent)
        return mlp_torch.MlpModel(self.layers, tensors, x, y, descent)

    def row_gradients(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, offset: Offset
    ) -> RowGradients:
        """Return gradients of single examples at `flat`; see recipe.Recipe."""
        require_torch()
        from modelward.recipes import mlp_torch  # noqa: PLC0415 - torch only where it computes

        tensors = self.schema(inputs).split(flat)
        return mlp_torch.row_gradients(self.layers, tensors, x, y, offset)

    def probabilities(
        self, flat: FlatF32, x: NDArray[Any], inputs: Inputs
    ) -> NDArray[np.float64]:
        """Return probabilities, [n], or [n, levels]."""
        require_torch()
        from modelward.recipes import mlp_torch  # noqa: PLC0415 - imports torch

        return mlp_torch.probabilities(self.layers, self.schema(inputs).split(flat), x)
