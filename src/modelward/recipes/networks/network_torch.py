"""Training and prediction of any network.Network in torch, on one CPU thread.

The step is torch_cpu.AutogradModel's with a loss of objective.py in place of one logit's;
gradients of single examples are vmap(grad(loss of one example)) (row_gradients.py says
what that needs). On a GPU: captured.py.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32
from modelward.recipes.gradients.objective import objective
from modelward.recipes.gradients.row_gradients import TorchRowGradients
from modelward.recipes.gradients.torch_cpu import Batches, Forward, Moved, shared, single_thread
from modelward.recipes.networks.network import Network
from modelward.recipes.recipe import Descent, Labels, Offset

VALUES = 1 << 22
"""Values of inputs that are predicted at once, at most; one example always is."""

Examples = tuple[NDArray[Any], Labels]
"""Inputs and outcomes."""


def local_model(
    network: Network, flat: FlatF32, examples: Examples, inputs: Inputs, descent: Descent
) -> "NetworkModel":
    """Return a model that trains `flat`, in place, on `examples`."""
    x, y = examples
    return NetworkModel(
        network.computed().forward(network, inputs),
        shared(network.schema(inputs).split(flat)),
        network.computed().batches(network, x, inputs),
        y,
        (inputs, descent),
    )


def row_gradients(
    network: Network, flat: FlatF32, examples: Examples, inputs: Inputs, offset: Offset
) -> TorchRowGradients:
    """Return gradients of single examples at `flat`."""
    x, y = examples
    return TorchRowGradients(
        network.computed().forward(network, inputs),
        shared(network.schema(inputs).split(flat)),
        network.computed().batches(network, x, inputs),
        y,
        objective(inputs, offset),
    )


def probabilities(
    network: Network, flat: FlatF32, x: NDArray[Any], inputs: Inputs
) -> NDArray[np.float64]:
    """Return probabilities of the examples `x`, in blocks of a size that `inputs` fix."""
    single_thread()
    forward = network.computed().forward(network, inputs)
    parameters = shared(network.schema(inputs).split(flat))
    batches, meant = network.computed().batches(network, x, inputs), objective(inputs)
    block = max(1, min(512, VALUES // int(np.prod(inputs.shape))))
    found = []
    with torch.inference_mode():
        for start in range(0, len(x), block):
            rows = np.arange(start, min(start + block, len(x)), dtype=np.int64)
            z = forward(parameters, batches.take(rows, None))
            found.append(meant.probabilities(z.double()).numpy())
    return np.concatenate(found) if found else np.empty(0)


class NetworkModel:
    """A network in training on one site's examples.

    Args:
        forward: What the network computes.
        parameters: By name; share memory with the flat vector and are changed in place.
        batches: The site's inputs.
        y: The site's outcomes.
        how: What one example looks like, and how steps are made.
    """

    def __init__(
        self,
        forward: Forward,
        parameters: Mapping[str, Tensor],
        batches: Batches,
        y: Labels,
        how: tuple[Inputs, Descent],
    ) -> None:
        single_thread()
        inputs, descent = how
        self._forward, self._batches = forward, batches
        self._y = torch.from_numpy(np.ascontiguousarray(y))
        self._objective = objective(inputs, descent.offset)
        self._counts = counts_of(y, descent)
        self._named = {name: values.requires_grad_() for name, values in parameters.items()}
        self._leaves = list(self._named.values())
        self._moved = Moved(self._leaves, descent.momentum)

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; see recipe.LocalModel."""
        at = torch.from_numpy(rows)
        z = self._forward(self._named, self._batches.take(rows, draw))
        losses = self._objective.losses(z, self._y[at])
        if self._counts is not None:
            losses = losses * self._counts[at]
        loss = losses.mean()
        gradients = torch.autograd.grad(loss, self._leaves)
        self._moved.by(gradients, lr)
        return float(loss.detach())


def counts_of(y: Labels, descent: Descent) -> Tensor | None:
    """Return what each example counts in the loss, [n]; None for all alike."""
    if all(weight == 1.0 for weight in descent.weights):
        return None
    return torch.tensor(descent.weights, dtype=torch.float32)[torch.from_numpy(y).long()]
