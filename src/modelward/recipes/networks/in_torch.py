"""A recipe that is named here and computed in a module that imports torch.

Naming a recipe, its tensors and its start need no torch; training, gradients of single examples
and prediction do. Those three are functions of one module, which is imported when the first is
asked for: mlp_torch.py, cnn_torch.py, and network_torch.py for every network.Network.
"""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.recipes.layers.dense import LINEAR, network_start
from modelward.recipes.recipe import Descent, Labels, LocalModel, Offset, RowGradients
from modelward.recipes.torch_present import require_torch


class InTorch(ABC):
    """A recipe.Recipe whose work is done by the module `trained_in`.

    The module has, with `examples` a pair of inputs and outcomes:

        local_model(recipe, flat, examples, inputs, descent) -> LocalModel
        row_gradients(recipe, flat, examples, inputs, offset) -> RowGradients
        probabilities(recipe, flat, x, inputs) -> float64, [n, ...]
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    trained_in: ClassVar[str]
    linear: ClassVar[frozenset[str]] = LINEAR

    @abstractmethod
    def specs(self, inputs: Inputs) -> list[TensorSpec]:
        """Return the trainable tensors in any order.

        Raises:
            DataError: If no such network reads these inputs.
        """

    def schema(self, inputs: Inputs) -> Schema:
        """Return the trainable tensors in canonical order; see recipe.Recipe."""
        return Schema.of(*self.specs(inputs))

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Return the start of dense.py for `seed`."""
        return network_start(self.schema(inputs), seed, self.linear)

    def local_model(
        self,
        flat: FlatF32,
        x: NDArray[Any],
        y: Labels,
        inputs: Inputs,
        descent: Descent,
    ) -> LocalModel:
        """Return a model that trains `flat` in place; see recipe.Recipe."""
        made: LocalModel = self._torch().local_model(self, flat, (x, y), inputs, descent)
        return made

    def row_gradients(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, offset: Offset
    ) -> RowGradients:
        """Return gradients of single examples at `flat`; see recipe.Recipe."""
        made: RowGradients = self._torch().row_gradients(self, flat, (x, y), inputs, offset)
        return made

    def probabilities(
        self, flat: FlatF32, x: NDArray[Any], inputs: Inputs
    ) -> NDArray[np.float64]:
        """Return probabilities, [n] or [n, ...] as objective.py says; see recipe.Recipe."""
        found: NDArray[np.float64] = self._torch().probabilities(self, flat, x, inputs)
        return found

    def _torch(self) -> Any:  # noqa: ANN401 - a module
        require_torch()
        return import_module(f"modelward.recipes.networks.{self.trained_in}")
