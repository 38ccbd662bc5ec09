"""What a recipe is: a model family, and what it says of an outcome.

Most outcomes are yes or no, told by one logit; which recipe predicts what else, catalogue.py
says.

A recipe knows the names and shapes of its parameters, where they start, how one step of
local training changes them, and what they predict. It never sees a site's name, a round or
a file. Batches, schedule and clipping are learn/sgd.py's; all parameters lie in one flat
float32 vector in schema order (core/tensors.py), which is also the layout of the wire.

Recipes have no buffers: nothing but trainable parameters is ever kept or sent, because a
running mean is a statement about patients (docs/threat-model.md).

torch is imported only by the functions that compute with it, never by importing a recipe.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, Schema

Pixels = NDArray[np.uint8]
"""Grey images, [n, height, width], values as on disk."""

Table = NDArray[np.float32] | NDArray[np.float64]
"""Scaled columns without missing values, [n, columns]."""

Labels = NDArray[Any]
"""What is known of each example: 0 or 1, or a level from 0, int8 [n]; a mask of 0 and 1,
uint8 [n, ...]; or event and interval, float32 [n, 2]."""

Offset = float | tuple[float, ...]
"""What is added to the logit, or to the logit of each level."""


def single(offset: Offset) -> float:
    """Return the offset of the one logit of a yes/no outcome."""
    if isinstance(offset, tuple):
        raise TypeError("an offset per level, for an outcome that is yes or no")
    return offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Descent:
    """How a local model goes downhill.

    Attributes:
        momentum: v <- momentum * v + gradient; parameters <- parameters - lr * v (Polyak
            1964, in the form torch.optim.SGD has). In [0, 1).
        offset: Added to every logit in training and never in prediction: the log prior odds
            of logit adjustment (Menon et al. 2021, arXiv:2007.07314), or 0; with levels, the
            log share of each.
        weights: What an example without, and one with the outcome counts in the mean loss
            of a batch, or one of each level; all 1 for all alike.
    """

    momentum: float = 0.0
    offset: Offset = 0.0
    weights: tuple[float, ...] = (1.0, 1.0)

    @property
    def pair(self) -> tuple[float, float]:
        """The weights where the outcome is yes or no."""
        without, having = self.weights
        return without, having


class LocalModel(Protocol):
    """A flat vector in training on one site's examples."""

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step on the examples `rows`.

        Args:
            rows: Indices of the batch, at least one.
            lr: Learning rate.
            draw: Where augmentation takes its random numbers from.

        Returns:
            Mean loss of the batch before the step; not finite once training has diverged.
        """
        ...


class RowGradients(Protocol):
    """Gradients of single examples at a flat vector, for training that clips per patient."""

    def gradients(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> None:
        """Write the gradient of each row's own loss at the vector as it is now.

        Args:
            rows: Indices of examples, [b].
            draw: Where variations of inputs take their random numbers from.
            out: Where to write, float32, [b, size], in schema order.
        """
        ...

    def penalty(self) -> NDArray[np.float32] | None:
        """Return the gradient of the site's penalty, [size]; None if it has none.

        It depends on the parameters only, so it is neither clipped nor noised.
        """
        ...

    def require_apart(self, rows: NDArray[np.int64]) -> None:
        """Return if no logit depends on other examples than its own.

        Raises:
            BadPrivacyTerms: If one does.
        """
        ...


class Recipe(Protocol):
    """One model family with its options."""

    @property
    def name(self) -> str:
        """Name in the study file."""
        ...

    @property
    def version(self) -> int:
        """Version in the study file; another version may give other numbers."""
        ...

    def schema(self, inputs: Inputs) -> Schema:
        """Return the trainable parameters, all float32."""
        ...

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Return the parameters of round 1, the same for every site and process."""
        ...

    def local_model(
        self,
        flat: FlatF32,
        x: NDArray[Any],
        y: Labels,
        inputs: Inputs,
        descent: Descent,
    ) -> LocalModel:
        """Return a model that trains `flat`, in place, on `x` and `y`.

        Args:
            flat: Parameters in schema order, writable; may be shared memory.
            x: `Table` or `Pixels`, as `inputs` says.
            y: Outcomes.
            inputs: What one example looks like.
            descent: How steps are made.
        """
        ...

    def row_gradients(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, offset: Offset
    ) -> RowGradients:
        """Return gradients of single examples of `x` and `y` at `flat`.

        Args:
            flat: Parameters in schema order; whoever moves them is followed.
            x: `Table` or `Pixels`, as `inputs` says.
            y: Outcomes.
            inputs: What one example looks like.
            offset: Added to every logit in training; see `Descent`.
        """
        ...

    def probabilities(
        self, flat: FlatF32, x: NDArray[Any], inputs: Inputs
    ) -> NDArray[np.float64]:
        """Return the predicted probability of a yes per example, [n].

        Of each level, [n, levels]; of every pixel, [n, ...]; or that the event has come by
        the end of each interval, [n, intervals]; as `inputs.outcome` says.

        Works in blocks of a fixed size, so memory does not grow with n.
        """
        ...
