"""Softmax regression (`linear`) and a perceptron with one hidden layer (`mlp-N`)."""

from dataclasses import dataclass
from math import prod

import numpy as np

from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.exchange.families.family import Draft, Floats, Inputs, Shape, scaled


@dataclass(frozen=True, slots=True)
class Linear:
    """z = W x + b."""

    name: str = "linear"
    version: int = 1

    def schema(self, shape: Shape) -> Schema:
        """Return weights and bias of the one layer."""
        width = prod(shape.inputs)
        return Schema.of(
            TensorSpec("out.weight", "F32", (shape.classes, width)),
            TensorSpec("out.bias", "F32", (shape.classes,)),
        )

    def initial(self, shape: Shape, seed: int) -> Draft:  # noqa: ARG002 - convex: zero is as good
        """Return zeros."""
        return {s.name: np.zeros(s.shape, np.float32) for s in self.schema(shape)}

    def logits(self, tensors: Tensors, x: Inputs) -> Floats:
        """Return logits of `x`, [n, classes]."""
        z = x.reshape(len(x), -1) @ tensors["out.weight"].T + tensors["out.bias"]
        return np.asarray(z, np.float64)

    def gradient(self, tensors: Tensors, x: Inputs, slope: Floats) -> Draft:  # noqa: ARG002
        """Return the gradient for `slope`."""
        slope32 = slope.astype(np.float32)
        return {"out.weight": slope32.T @ x.reshape(len(x), -1), "out.bias": slope32.sum(0)}


@dataclass(frozen=True, slots=True)
class Perceptron:
    """z = W relu(V x + a) + b.

    Attributes:
        hidden: Units of the hidden layer.
    """

    hidden: int = 64
    version: int = 1

    @property
    def name(self) -> str:
        """Name on a card."""
        return f"mlp-{self.hidden}"

    def schema(self, shape: Shape) -> Schema:
        """Return weights and biases of the two layers."""
        return Schema.of(
            TensorSpec("hidden.weight", "F32", (self.hidden, prod(shape.inputs))),
            TensorSpec("hidden.bias", "F32", (self.hidden,)),
            TensorSpec("out.weight", "F32", (shape.classes, self.hidden)),
            TensorSpec("out.bias", "F32", (shape.classes,)),
        )

    def initial(self, shape: Shape, seed: int) -> Draft:
        """Return He-scaled weights and zero biases."""
        draw = np.random.default_rng([seed, self.hidden])
        width = prod(shape.inputs)
        return {
            "hidden.weight": scaled(draw, width, self.hidden, width),
            "hidden.bias": np.zeros(self.hidden, np.float32),
            "out.weight": scaled(draw, 2 * self.hidden, shape.classes, self.hidden),
            "out.bias": np.zeros(shape.classes, np.float32),
        }

    def logits(self, tensors: Tensors, x: Inputs) -> Floats:
        """Return logits of `x`, [n, classes]."""
        hidden = self._hidden(tensors, x.reshape(len(x), -1))
        return np.asarray(hidden @ tensors["out.weight"].T + tensors["out.bias"], np.float64)

    def gradient(self, tensors: Tensors, x: Inputs, slope: Floats) -> Draft:
        """Return the gradient for `slope`, by the chain rule."""
        flat, slope32 = x.reshape(len(x), -1), slope.astype(np.float32)
        hidden = self._hidden(tensors, flat)
        back = (slope32 @ tensors["out.weight"]) * (hidden > 0)
        return {
            "hidden.weight": back.T @ flat,
            "hidden.bias": back.sum(0),
            "out.weight": slope32.T @ hidden,
            "out.bias": slope32.sum(0),
        }

    def _hidden(self, tensors: Tensors, flat: Inputs) -> Inputs:
        return np.maximum(flat @ tensors["hidden.weight"].T + tensors["hidden.bias"], 0)
