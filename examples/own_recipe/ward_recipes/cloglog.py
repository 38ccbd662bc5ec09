"""Regression with a complementary log-log link, for outcomes that are rare.

    p = 1 - exp(-exp(z)),    z = intercept + weight . x
    loss = -y log p - (1 - y) log(1 - p)
    dloss/dz = exp(z) ((1 - y) - y exp(-exp(z)) / p)

Coefficients are log hazard ratios of a grouped proportional-hazards model (Prentice and
Gloeckler 1978, Biometrics 34:57). One recipe in one file, as docs/recipes.md tells it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.recipes.brought import Entry
from modelward.recipes.recipe import Descent, Labels

LARGEST_Z = 4.0
"""Linear predictors are cut here: exp(4) is a hazard of 55, and p is 1 to float32."""


class Options(BaseModel):
    """`[recipe.options]` of `cloglog`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    l2: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="Penalty.")


class Cloglog:
    """The recipe `cloglog`, version 1."""

    name = "cloglog"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def schema(self, inputs: Inputs) -> Schema:
        """Return `intercept` [1] and `weight` [columns]."""
        return Schema.of(
            TensorSpec("intercept", "F32", (1,)), TensorSpec("weight", "F32", inputs.shape)
        )

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Return zeros, whatever the seed."""
        del seed
        return np.zeros(self.schema(inputs).size, np.float32)

    def local_model(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, descent: Descent
    ) -> "CloglogModel":
        """Return a model that trains `flat` in place."""
        del inputs
        return CloglogModel(flat, x, y, self.options.l2, descent)

    def row_gradients(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, offset: float
    ) -> "CloglogRowGradients":
        """Return gradients of single rows, for training that clips per patient."""
        del inputs
        return CloglogRowGradients(flat, x, y, self.options.l2, offset)

    def probabilities(
        self, flat: FlatF32, x: NDArray[Any], inputs: Inputs
    ) -> NDArray[np.float64]:
        """Return probabilities, [n]."""
        del inputs
        beta = flat.astype(np.float64)
        z = np.minimum(x.astype(np.float64) @ beta[1:] + beta[0], LARGEST_Z)
        found: NDArray[np.float64] = -np.expm1(-np.exp(z))
        return found


def losses(
    z: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the loss of each row, and its derivative by the row's z."""
    hazard = np.exp(np.minimum(z, np.float32(LARGEST_Z)))
    p = np.maximum(-np.expm1(-hazard), np.float32(1e-7))
    loss = (1 - y) * hazard - y * np.log(p)
    return loss, hazard * ((1 - y) - y * np.exp(-hazard) / p)


class CloglogModel:
    """Coefficients in training on one site's examples."""

    def __init__(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, l2: float, descent: Descent
    ) -> None:
        self._flat, self._descent = flat, descent
        self._x, self._y = np.ascontiguousarray(x, np.float32), y.astype(np.float32)
        self._shrink = np.float32(l2 / len(y))
        self._velocity = np.zeros_like(flat)

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; return the mean loss before it."""
        del draw
        x = self._x[rows]
        z = x @ self._flat[1:] + self._flat[0] + np.float32(self._descent.offset)
        loss, slope = losses(z, self._y[rows])
        slope /= np.float32(len(rows))
        self._velocity *= np.float32(self._descent.momentum)
        self._velocity[0] += slope.sum()
        self._velocity[1:] += slope @ x + self._shrink * self._flat[1:]
        self._flat -= np.float32(lr) * self._velocity
        return float(loss.mean())


class CloglogRowGradients:
    """Gradients of single rows, dloss/dz [1, x]."""

    def __init__(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, l2: float, offset: float
    ) -> None:
        self._flat, self._l2, self._offset = flat, np.float32(l2), np.float32(offset)
        self._x, self._y = np.ascontiguousarray(x, np.float32), y.astype(np.float32)

    def gradients(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> None:
        """Write the gradient of each row's loss into `out`, [b, columns + 1]."""
        del draw
        x = self._x[rows]
        out[:, 0] = losses(x @ self._flat[1:] + self._flat[0] + self._offset, self._y[rows])[1]
        np.multiply(out[:, :1], x, out=out[:, 1:])

    def penalty(self) -> FlatF32:
        """Return l2 * weight, and 0 for the intercept, [columns + 1]."""
        shrink = self._l2 * self._flat
        shrink[0] = 0.0
        return shrink

    def require_apart(self, rows: NDArray[np.int64]) -> None:
        """Return: a row's z is computed from that row."""


VERSIONS = {1: Entry(Cloglog, Options)}
"""What the entry point brings: version -> recipe."""
