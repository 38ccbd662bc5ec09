"""Training of `mlp`, with the derivative written by hand.

For a layer a' = relu(a W^T + b) with d = dloss/d(a W^T + b), [batch, out]:

    dloss/dW = d^T a       dloss/db = sum of d       dloss/da = d W

so one fused call `W.addmm_(d^T, a, alpha=-lr)` is gradient and step at once. No gradient is
ever stored: a local model in training is its parameters and nothing else, which is what
lets a large one be trained inside the shared buffer it is sent from. With momentum the
same call accumulates into the velocity instead.

Held to torch.autograd over `forward` by tests/contract/test_fast_paths.py.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32
from modelward.recipes.gradients.layer_gradients import LayerRowGradients
from modelward.recipes.gradients.torch_cpu import (
    Forward,
    TableBatches,
    predict,
    shared,
    single_thread,
)
from modelward.recipes.layers.layers import PLAIN, Layers
from modelward.recipes.networks.mlp import Mlp
from modelward.recipes.networks.network_torch import Examples, NetworkModel
from modelward.recipes.recipe import Descent, Labels, Offset, single
from modelward.recipes.regression.logit import slope


def forward(layers: Sequence[str], computed: Layers = PLAIN) -> Forward:
    """Return the function that an MLP of these layers computes."""

    def logits(parameters: Mapping[str, Tensor], x: Tensor) -> Tensor:
        for layer in layers[:-1]:
            x = functional.relu(computed.dense(parameters, layer, x))
        z = computed.dense(parameters, "logit", x)
        return z[:, 0] if z.shape[1] == 1 else z

    return logits


def local_model(
    recipe: Mlp, flat: FlatF32, examples: Examples, inputs: Inputs, descent: Descent
) -> "MlpModel | NetworkModel":
    """Return a model that trains `flat` in place; of several levels, by autograd."""
    x, y = examples
    tensors = recipe.schema(inputs).split(flat)
    if inputs.outcome == "levels":
        how = (inputs, descent)
        return NetworkModel(forward(recipe.layers), shared(tensors), TableBatches(x), y, how)
    return MlpModel(recipe.layers, tensors, x, y, descent)


def row_gradients(
    recipe: Mlp, flat: FlatF32, examples: Examples, inputs: Inputs, offset: Offset
) -> LayerRowGradients:
    """Return gradients of single rows at `flat`."""
    x, y = examples
    tensors = shared(recipe.schema(inputs).split(flat))
    made = partial(forward, recipe.layers)
    return LayerRowGradients(made, tensors, TableBatches(x), y, offset)


def probabilities(
    recipe: Mlp, flat: FlatF32, x: NDArray[Any], inputs: Inputs
) -> NDArray[np.float64]:
    """Return probabilities of the rows of `x`, [n], or [n, levels]."""
    tensors = shared(recipe.schema(inputs).split(flat))
    return predict(forward(recipe.layers), tensors, TableBatches(x), len(x))


class MlpModel:
    """An MLP in training on one site's table.

    Args:
        layers: Names from the inputs to the logit.
        tensors: Parameters by name, views of the flat vector that is trained.
        x: The site's table, [n, columns].
        y: The site's outcomes, [n].
        descent: How steps are made.
    """

    def __init__(
        self,
        layers: Sequence[str],
        tensors: Mapping[str, NDArray[np.float32]],
        x: NDArray[Any],
        y: Labels,
        descent: Descent,
    ) -> None:
        single_thread()
        named = shared(tensors)
        self._weights = [named[f"{layer}.weight"] for layer in layers]
        self._across = [weight.t() for weight in self._weights]
        self._biases = [named[f"{layer}.bias"] for layer in layers]
        self._batches = TableBatches(x)
        self._y = y.astype(np.float32)
        self._descent = descent
        self._velocity: dict[int, Tensor] = {}

    @torch.inference_mode()
    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; see recipe.LocalModel."""
        inputs = [self._batches.take(rows, draw)]
        for across, bias in zip(self._across[:-1], self._biases[:-1], strict=True):
            inputs.append(torch.addmm(bias, inputs[-1], across).relu_())
        logits = torch.addmm(self._biases[-1], inputs[-1], self._across[-1])
        loss, dlogits = slope(
            logits.numpy()[:, 0],
            self._y[rows],
            single(self._descent.offset),
            self._descent.pair,
        )
        d = torch.from_numpy(dlogits[:, None])
        ones = torch.ones(len(rows))
        for layer in range(len(inputs) - 1, -1, -1):
            weight, a = self._weights[layer], inputs[layer]
            below = d @ weight if layer else d  # before the weight moves
            self._move(weight, d, a, lr)
            self._move(self._biases[layer], d, ones, lr)
            if layer:
                # A rectified value is positive exactly where its slope is 1.
                d = torch.ops.aten.threshold_backward(below, a, 0)
        return loss

    def _move(self, parameter: Tensor, d: Tensor, a: Tensor, lr: float) -> None:
        """Step `parameter` along d^T a, by way of its velocity if there is momentum."""
        if not self._descent.momentum:
            _accumulate(parameter, d, a, keep=1.0, alpha=-lr)
            return
        velocity = self._velocity.get(id(parameter))
        if velocity is None:
            velocity = self._velocity[id(parameter)] = torch.zeros_like(parameter)
        _accumulate(velocity, d, a, keep=self._descent.momentum, alpha=1.0)
        parameter.add_(velocity, alpha=-lr)


def _accumulate(into: Tensor, d: Tensor, a: Tensor, *, keep: float, alpha: float) -> None:
    """Set `into` to keep * into + alpha * d^T a; `a` is a vector of ones for a bias."""
    if a.dim() == 1:
        into.addmv_(d.t(), a, beta=keep, alpha=alpha)
    else:
        into.addmm_(d.t(), a, beta=keep, alpha=alpha)
