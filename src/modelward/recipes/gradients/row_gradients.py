"""Gradients of single examples in torch, for any recipe that has a `forward`.

    vmap(grad(loss of one example))     torch.func, without hooks or special layers

For any `forward`, such as a recipe of your own. The recipes that come with modelward name
their layers, which is faster: layer_gradients.py.

A gradient of one example exists only if the model computes each logit from that example
alone. Recipes have no buffers, and none has a layer that mixes the examples of a batch
(GroupNorm, never BatchNorm), so every torch recipe qualifies; `require_apart` measures it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelward.errors import BadPrivacyTerms
from modelward.recipes.gradients.objective import Objective
from modelward.recipes.gradients.torch_cpu import Batches, Forward, single_thread
from modelward.recipes.recipe import Labels


class TorchRowGradients:
    """Gradients of single examples at parameters that somebody else moves.

    Args:
        forward: What the model computes.
        parameters: By name, in schema order; share memory with the flat vector.
        batches: The site's inputs.
        y: The site's outcomes.
        trained_for: The loss of each example.
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
        self._forward = forward
        self._parameters = dict(parameters)
        self._batches = batches
        self._y = torch.from_numpy(np.ascontiguousarray(y))

        def loss(named: Mapping[str, Tensor], x: Tensor, outcome: Tensor) -> Tensor:
            return trained_for.losses(forward(named, x[None]), outcome[None])[0]

        self._gradients: Any = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))

    def gradients(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> None:
        """Write the gradient of each row's loss into `out`; see recipe.RowGradients."""
        found = self._gradients(
            self._parameters, self._batches.take(rows, draw), self._y[torch.from_numpy(rows)]
        )
        start = 0
        for name in self._parameters:
            values = found[name].reshape(len(rows), -1).numpy()
            out[:, start : start + values.shape[1]] = values
            start += values.shape[1]

    def penalty(self) -> NDArray[np.float32] | None:
        """Return None: networks have no penalty."""
        return None

    def require_apart(self, rows: NDArray[np.int64]) -> None:
        """Return if no output of `rows` depends on the others.

        Raises:
            BadPrivacyTerms: If it does, as with BatchNorm.
        """
        require_apart(self._forward, self._parameters, self._batches.take(rows, None))


def require_apart(forward: Forward, parameters: Mapping[str, Tensor], x: Tensor) -> None:
    """Return if the logit of each example in `x` does not depend on the others.

    Tensors that are all zero, as a last layer is before round 1, are stirred first: behind
    them every logit is alike, whatever is mixed.

    Raises:
        BadPrivacyTerms: If it does, as with BatchNorm.
    """
    drawn = torch.Generator().manual_seed(1)
    stirred = {
        name: values
        if values.any()
        else 0.1 * torch.randn(values.shape, generator=drawn).to(values)
        for name, values in parameters.items()
    }
    with torch.inference_mode():
        together = forward(stirred, x)
        alone = torch.cat([forward(stirred, row[None]) for row in x])
    if not torch.allclose(together, alone, rtol=1e-3, atol=1e-4):
        worst = float((together - alone).abs().max())
        raise BadPrivacyTerms(
            f"a logit moved by {worst:.2g} when it was computed without the other rows",
            why="where patients are mixed, clipping one of them bounds nothing",
            remedy="use a recipe with GroupNorm (norm = 'group') in place of BatchNorm",
        )
