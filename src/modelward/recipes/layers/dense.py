"""Fully connected layers: their tensors, and where networks start.

Starts follow He et al. 2015 (arXiv:1502.01852): uniform weights of variance 2 / fan-in
before a rectifier and 1 / fan-in before the logit; biases 0, gains 1. They are drawn by
numpy from the study's seed and the tensor's name, so a start needs no torch and does not
depend on the order of layers.
"""

from collections.abc import Sequence
from math import prod, sqrt
from typing import Annotated

import numpy as np
from pydantic import Field

from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.recipes.layers.draws import draws

Width = Annotated[int, Field(ge=1, le=65536)]
"""Units of a layer, as options give them."""

AT_ONCE = 1 << 16
"""Values drawn at once; they are float64 until they are stored."""


def hidden_layers(number: int) -> tuple[str, ...]:
    """Return `hidden1` ... `logit`: the names of `number` hidden layers and the last one."""
    return (*(f"hidden{n + 1}" for n in range(number)), "logit")


def dense(layers: Sequence[str], widths: Sequence[int]) -> list[TensorSpec]:
    """Return weight [out, in] and bias [out] of every layer.

    Args:
        layers: Names, from the inputs to the logit.
        widths: Values seen by the first layer, then values given by each.
    """
    specs: list[TensorSpec] = []
    for layer, seen, given in zip(layers, widths[:-1], widths[1:], strict=True):
        specs.append(TensorSpec(f"{layer}.weight", "F32", (given, seen)))
        specs.append(TensorSpec(f"{layer}.bias", "F32", (given,)))
    return specs


LINEAR = frozenset({"logit"})
"""Layers without a rectifier after them, where a network says nothing else."""


def network_start(schema: Schema, seed: int, linear: frozenset[str] = LINEAR) -> FlatF32:
    """Return the start of a network whose tensors end in `.weight`, `.bias` or `.gain`.

    Weights have the output first, [out, ...], so the fan-in is the product of the rest.

    Args:
        schema: The tensors.
        seed: Of the study.
        linear: Last names of the layers that no rectifier follows.
    """
    flat = np.zeros(schema.size, np.float32)
    for name, values in schema.split(flat).items():
        if name.endswith(".gain"):
            values[...] = 1.0
        elif name.endswith(".weight"):
            gain = 1.0 if name.split(".")[-2] in linear else 2.0
            bound = sqrt(3.0 * gain / prod(values.shape[1:]))
            _fill(values.reshape(-1), draws("start", seed, name), bound)
    return flat


def _fill(values: FlatF32, drawn: np.random.Generator, bound: float) -> None:
    """Draw `values` from -bound to bound, some at a time: a large tensor is not there twice.

    The stream goes on from draw to draw, so the bits are those of one draw.
    """
    for start in range(0, values.size, AT_ONCE):
        part = values[start : start + AT_ONCE]
        part[...] = drawn.uniform(-bound, bound, part.size)
