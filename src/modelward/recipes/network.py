"""A recipe that is a torch network: one forward function, and everything else follows.

A network says which tensors it has (`specs`), in which module its forward function is
(`module`, imported only when something is computed), and how examples are taken. Start,
training, gradients of single examples, prediction and the captured step on a GPU follow from
these, here and in network_torch.py, for every outcome of objective.py.

Networks here mix no two examples of a batch (GroupNorm, LayerNorm, never BatchNorm) and
keep nothing but parameters.
"""

from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.recipes.dense import LINEAR, network_start
from modelward.recipes.recipe import Descent, Labels, LocalModel, Offset, RowGradients
from modelward.recipes.torch_present import require_torch


class Network(ABC):
    """A recipe whose forward function is in a module of its own.

    The module has `forward(network, inputs)`, a torch_cpu.Forward, and
    `batches(network, x, inputs)`, a torch_cpu.Batches.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    module: ClassVar[str]
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
        """Return probabilities, [n, ...] as objective.py says; see recipe.Recipe."""
        found: NDArray[np.float64] = self._torch().probabilities(self, flat, x, inputs)
        return found

    def computed(self) -> Any:  # noqa: ANN401 - a module
        """Return the module that computes this network; imports torch."""
        return import_module(f"modelward.recipes.{self.module}")

    def _torch(self) -> Any:  # noqa: ANN401 - a module
        require_torch()
        return import_module("modelward.recipes.network_torch")
