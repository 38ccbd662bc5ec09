"""What a model of the exchange is: a family by name, its tensors, and K class probabilities.

A family knows the names and shapes of its parameters, where they start, the logits that they
give, and the gradient of those. It never sees a loss: whether a model learns from labels, from
the predictions of others or from a weak teacher is a matter of targets (../learn.py), so all
families learn in every way. Families are installed; an artifact names one and brings tensors
(docs/decisions has why the exchange judges K columns of probabilities, whoever made them).

The last layer of every family is called `out`, so that its bias is found by whoever has to
correct for a prior.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import Schema, Tensors

Floats = NDArray[np.float64]
"""Reals; [n, classes] for logits."""

Inputs = NDArray[np.float32]
"""Examples, [n, ...]; images are [n, height, width], scaled to about -1 .. 1."""

Draft = dict[str, NDArray[Any]]
"""Tensors that are being trained."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one example looks like, and how many answers there are.

    Attributes:
        inputs: Extents of one example: `(columns,)`, or `(height, width)` of an image.
        classes: Number of classes, at least 2.
    """

    inputs: tuple[int, ...]
    classes: int


class Family(Protocol):
    """One model family with its options."""

    @property
    def name(self) -> str:
        """Name on a card, options and all, such as `mlp-64`."""
        ...

    @property
    def version(self) -> int:
        """Version on a card; another version may give other numbers."""
        ...

    def schema(self, shape: Shape) -> Schema:
        """Return the parameters, all float32."""
        ...

    def initial(self, shape: Shape, seed: int) -> Draft:
        """Return parameters to start from; the same seed gives the same base everywhere."""
        ...

    def logits(self, tensors: Tensors, x: Inputs) -> Floats:
        """Return logits of `x`, [n, classes]."""
        ...

    def gradient(self, tensors: Tensors, x: Inputs, slope: Floats) -> Draft:
        """Return the gradient of a loss whose slope in the logits is `slope`, [n, classes]."""
        ...


def scaled(draw: np.random.Generator, inputs: int, *shape: int) -> NDArray[np.float32]:
    """Return He-scaled normal weights (He et al. 2015) for units that see `inputs` values."""
    return np.asarray(draw.standard_normal(shape) * (2.0 / inputs) ** 0.5, np.float32)
