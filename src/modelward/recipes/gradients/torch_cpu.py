"""torch on one CPU thread, and local models that train by it.

Small models are 5 to 40 times slower on two
intra-op threads than on one (measured; docs/performance.md), and one thread is also what
makes a sum come out the same in every process: parallelism is over sites.

A local model works on views of the flat vector, so there is no state_dict, no copy in and
no copy out. `AutogradModel` trains anything that has a `forward`; mlp_torch.py writes the
same derivative by hand, and a test holds one to the other.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelward.recipes.recipe import Descent, Labels, single
from modelward.recipes.regression.logit import sigmoid, slope, softmax

Forward = Callable[[Mapping[str, Tensor], Tensor], Tensor]
"""Parameters by schema name, inputs [b, ...] -> logits [b]."""

BLOCK = 512
"""Examples predicted at once. Fixed, because another block size may round differently."""


class Batches(Protocol):
    """A site's inputs, ready to be taken in batches."""

    def take(self, rows: NDArray[np.int64], draw: np.random.Generator | None) -> Tensor:
        """Return the inputs of `rows`, [b, ...]; varied at random if `draw` is given."""
        ...


def single_thread() -> None:
    """Hold torch to one intra-op thread in this process, whoever raised it."""
    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)


def shared(named: Mapping[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """Return torch tensors by name that share the memory of `named`.

    Values that cannot be written to are copied: torch has no read-only tensors.
    """
    return {
        name: torch.from_numpy(values if values.flags.writeable else values.copy())
        for name, values in named.items()
    }


class TableBatches:
    """Rows of a table."""

    def __init__(self, x: NDArray[Any]) -> None:
        self._x = np.ascontiguousarray(x, np.float32)

    def take(self, rows: NDArray[np.int64], draw: np.random.Generator | None) -> Tensor:
        """Return the rows; a table is never varied."""
        del draw
        return torch.from_numpy(self._x[rows])


class Moved:
    """Tensors that gradients move, with the memory of momentum if there is any.

    Args:
        leaves: Changed in place.
        momentum: In [0, 1); with 0 nothing is remembered.
    """

    def __init__(self, leaves: list[Tensor], momentum: float) -> None:
        self._leaves, self._momentum = leaves, momentum
        self._velocity = [torch.zeros_like(values) for values in leaves if momentum]

    def by(self, gradients: tuple[Tensor, ...], lr: float) -> None:
        """Move by one step of gradient descent."""
        with torch.no_grad():
            moves: Any = gradients
            if self._velocity:
                torch._foreach_mul_(self._velocity, self._momentum)
                torch._foreach_add_(self._velocity, gradients)
                moves = self._velocity
            torch._foreach_add_(self._leaves, moves, alpha=-lr)


class AutogradModel:
    """Any torch model, trained by autograd.

    Args:
        forward: What the model computes.
        parameters: By name; share memory with the flat vector and are changed in place.
        batches: The site's inputs.
        y: The site's outcomes.
        descent: How steps are made.
    """

    def __init__(
        self,
        forward: Forward,
        parameters: Mapping[str, Tensor],
        batches: Batches,
        y: Labels,
        descent: Descent,
    ) -> None:
        self._forward = forward
        self._batches = batches
        self._y = y.astype(np.float32)
        self._descent = descent
        self._named = {name: values.requires_grad_() for name, values in parameters.items()}
        self._leaves = list(self._named.values())
        self._moved = Moved(self._leaves, descent.momentum)

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; see recipe.LocalModel."""
        logits = self._forward(self._named, self._batches.take(rows, draw))
        loss, dlogits = slope(
            logits.detach().numpy(),
            self._y[rows],
            single(self._descent.offset),
            self._descent.pair,
        )
        gradients = torch.autograd.grad(logits, self._leaves, torch.from_numpy(dlogits))
        self._moved.by(gradients, lr)
        return loss


def predict(
    forward: Forward, parameters: Mapping[str, Tensor], batches: Batches, n: int
) -> NDArray[np.float64]:
    """Return probabilities of `n` examples, [n] or [n, levels], in blocks of `BLOCK`."""
    single_thread()
    found = []
    with torch.inference_mode():
        for start in range(0, n, BLOCK):
            rows = np.arange(start, min(start + BLOCK, n), dtype=np.int64)
            z = forward(parameters, batches.take(rows, None)).numpy().astype(np.float64)
            found.append(sigmoid(z) if z.ndim == 1 else softmax(z))
    return np.concatenate(found) if found else np.empty(0)
