"""Logistic regression on a table.

    logit = intercept + weight . x
    objective = sum of losses + 0.5 * l2 * ||weight||^2          (scikit-learn: C = 1 / l2)

The intercept is never penalised. `strategy = "newton"` minimises this objective over all
sites exactly (aggregate/newton_step.py). `strategy = "fedavg"` trains it by steps: a site of
n units then adds l2 / n to its mean loss, so over S sites the penalty counts S times.

Parameters are float32 here, like every recipe's. Newton keeps its coefficients in float64
under the same names (study/model.py); nothing in this file is used for its arithmetic.

numpy only.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.recipes.recipe import Descent, Labels, Offset, single
from modelward.recipes.regression.logit import sigmoid, slope

BLOCK = 4096
"""Rows predicted at once."""


class Options(BaseModel):
    """`[recipe.options]` of `logistic`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    l2: float = Field(
        default=1.0, ge=0, allow_inf_nan=False, description="Penalty on the coefficients."
    )


class Logistic:
    """The recipe `logistic`, version 1."""

    name = "logistic"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options

    def schema(self, inputs: Inputs) -> Schema:
        """Return `intercept` [1] and `weight` [columns], in that order."""
        return Schema.of(
            TensorSpec("intercept", "F32", (1,)),
            TensorSpec("weight", "F32", inputs.shape),
        )

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Return zeros: the objective is convex, so every start leads to the same end."""
        del seed
        return np.zeros(self.schema(inputs).size, np.float32)

    def local_model(
        self,
        flat: FlatF32,
        x: NDArray[Any],
        y: Labels,
        inputs: Inputs,
        descent: Descent,
    ) -> "LogisticModel":
        """Return a model that trains `flat` in place; see recipe.Recipe."""
        del inputs
        return LogisticModel(flat, x, y, self.options.l2, descent)

    def row_gradients(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, offset: Offset
    ) -> "LogisticRowGradients":
        """Return gradients of single rows at `flat`; see recipe.Recipe."""
        del inputs
        return LogisticRowGradients(flat, x, y, self.options.l2, single(offset))

    def probabilities(
        self, flat: NDArray[Any], x: NDArray[Any], inputs: Inputs
    ) -> NDArray[np.float64]:
        """Return probabilities, [n]; float64 coefficients (Newton's) are used as they are."""
        del inputs
        beta = flat.astype(np.float64)
        found = np.empty(len(x), np.float64)
        for start in range(0, len(x), BLOCK):
            rows = x[start : start + BLOCK].astype(np.float64)
            found[start : start + BLOCK] = sigmoid(rows @ beta[1:] + beta[0])
        return found


class LogisticModel:
    """Coefficients in training on one site's examples."""

    def __init__(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, l2: float, descent: Descent
    ) -> None:
        self._flat = flat
        self._x = np.ascontiguousarray(x, np.float32)
        self._y = y.astype(np.float32)
        self._shrink = np.float32(l2 / len(y))
        self._descent = descent
        self._velocity = np.zeros_like(flat)

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; see recipe.LocalModel."""
        del draw
        x = self._x[rows]
        weight = self._flat[1:]
        loss, dlogits = slope(
            x @ weight + self._flat[0],
            self._y[rows],
            single(self._descent.offset),
            self._descent.pair,
        )
        velocity = self._velocity
        velocity *= np.float32(self._descent.momentum)
        velocity[0] += dlogits.sum()
        velocity[1:] += dlogits @ x + self._shrink * weight
        self._flat -= np.float32(lr) * velocity
        return loss


class LogisticRowGradients:
    """Gradients of single rows, (p - y) [1, x]; see recipe.RowGradients."""

    def __init__(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, l2: float, offset: float
    ) -> None:
        self._flat = flat
        self._x = np.ascontiguousarray(x, np.float32)
        self._y = y.astype(np.float32)
        self._l2 = np.float32(l2)
        self._offset = np.float32(offset)

    def gradients(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> None:
        """Write the gradient of each row's loss into `out`, [b, columns + 1]."""
        del draw
        x = self._x[rows]
        z = x @ self._flat[1:] + self._flat[0] + self._offset
        out[:, 0] = sigmoid(z) - self._y[rows]
        np.multiply(out[:, :1], x, out=out[:, 1:])

    def penalty(self) -> FlatF32:
        """Return l2 * weight, and 0 for the intercept, [columns + 1]."""
        shrink = self._l2 * self._flat
        shrink[0] = 0.0
        return shrink

    def require_apart(self, rows: NDArray[np.int64]) -> None:
        """Return: a row's logit is computed from that row."""
