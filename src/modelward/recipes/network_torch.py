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
from modelward.recipes.network import Network
from modelward.recipes.objective import Objective, objective
from modelward.recipes.recipe import Descent, Labels, Offset
from modelward.recipes.row_gradients import require_apart
from modelward.recipes.torch_cpu import Batches, Forward, shared, single_thread

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
) -> "NetworkRowGradients":
    """Return gradients of single examples at `flat`."""
    x, y = examples
    return NetworkRowGradients(
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
        self._y, self._momentum = torch.from_numpy(np.ascontiguousarray(y)), descent.momentum
        self._objective = objective(inputs, descent.offset)
        self._counts = counts_of(y, descent)
        self._named = {name: values.requires_grad_() for name, values in parameters.items()}
        self._leaves = list(self._named.values())
        self._velocity = [torch.zeros_like(values) for values in self._leaves]

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; see recipe.LocalModel."""
        at = torch.from_numpy(rows)
        z = self._forward(self._named, self._batches.take(rows, draw))
        losses = self._objective.losses(z, self._y[at])
        if self._counts is not None:
            losses = losses * self._counts[at]
        loss = losses.mean()
        gradients = torch.autograd.grad(loss, self._leaves)
        with torch.no_grad():
            moves: Any = gradients
            if self._momentum:
                torch._foreach_mul_(self._velocity, self._momentum)
                torch._foreach_add_(self._velocity, gradients)
                moves = self._velocity
            torch._foreach_add_(self._leaves, moves, alpha=-lr)
        return float(loss.detach())


def counts_of(y: Labels, descent: Descent) -> Tensor | None:
    """Return what each example counts in the loss, [n]; None for all alike."""
    if all(weight == 1.0 for weight in descent.weights):
        return None
    return torch.tensor(descent.weights, dtype=torch.float32)[torch.from_numpy(y).long()]


class NetworkRowGradients:
    """Gradients of single examples of a network; see recipe.RowGradients.

    Args:
        forward: What the network computes.
        parameters: By name, in schema order; share memory with the flat vector.
        batches: The site's inputs.
        y: The site's outcomes.
        trained_for: The loss.
    """

    def __init__(
        self,
        forward: Forward,
        parameters: Mapping[str, Tensor],
        batches: Batches,
        y: Labels,
        trained_for: Objective,
    ) -> None:
        single_thread()
        self._forward, self._parameters = forward, dict(parameters)
        self._batches, self._y = batches, torch.from_numpy(np.ascontiguousarray(y))

        def loss(named: Mapping[str, Tensor], x: Tensor, target: Tensor) -> Tensor:
            return trained_for.losses(forward(named, x[None]), target[None])[0]

        self._gradients: Any = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))

    def gradients(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> None:
        """Write the gradient of each row's loss into `out`; see recipe.RowGradients."""
        x = self._batches.take(rows, draw)
        found = self._gradients(self._parameters, x, self._y[torch.from_numpy(rows)])
        start = 0
        for name in self._parameters:
            values = found[name].reshape(len(rows), -1).numpy()
            out[:, start : start + values.shape[1]] = values
            start += values.shape[1]

    def penalty(self) -> NDArray[np.float32] | None:
        """Return None: networks have no penalty."""
        return None

    def require_apart(self, rows: NDArray[np.int64]) -> None:
        """Return if no output depends on other examples; see recipe.RowGradients."""
        require_apart(self._forward, self._parameters, self._batches.take(rows, None))
