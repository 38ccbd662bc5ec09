"""Training of `mlp` at many sites at once, for small models.

A small MLP spends its time on calling operations, not on arithmetic. Here one batched
operation serves a whole group of sites, each with its own parameters, batch and learning:
the derivative of mlp_torch.py with one more dimension in front.

The group has a fixed size, and a site a fixed place in it, that do not depend on the number
of workers or on who else takes part; an empty place does nothing. So a site's numbers depend
on its own terms and its place. They may differ from mlp_torch.py's in the last bits (another
summation order), which is why a result names its path (learn/group.py).

Sites of unequal size take unequal numbers of steps: a site that has taken its last stands
still, and the rows that a last batch lacks have weight 0.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelward.core.tensors import FlatF32, Schema
from modelward.recipes.gradients.torch_cpu import single_thread
from modelward.recipes.recipe import Descent, Labels, Table
from modelward.recipes.regression.logit import by_example


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """One site of a group.

    Attributes:
        x: Its table, [n, columns].
        y: Its outcomes, [n].
        descent: How its steps are made; momentum is common.
        batches: Rows of each of its steps, in order.
    """

    x: Table
    y: Labels
    descent: Descent
    batches: Iterator[NDArray[np.int64]]


class MlpGroup:
    """A group of MLPs in training, one per site, all from the same start.

    Args:
        layers: Names from the inputs to the logit.
        schema: Parameters of one MLP.
        start: Where all start, [size].
        members: Sites by place, at least one.
        places: Places of the group, empty ones included.
        batch: Largest number of rows in a step.
    """

    def __init__(
        self,
        layers: Sequence[str],
        schema: Schema,
        start: FlatF32,
        members: Mapping[int, Member],
        *,
        places: int,
        batch: int,
    ) -> None:
        single_thread()
        self._members = members
        self._schema = schema
        named = {
            name: torch.from_numpy(np.repeat(values[None], places, axis=0))
            for name, values in schema.split(start).items()
        }
        self._named = named
        self._weights = [named[f"{layer}.weight"] for layer in layers]
        self._biases = [named[f"{layer}.bias"][:, None] for layer in layers]
        common = next(iter(members.values()))
        self._momentum = common.descent.momentum
        self._velocity: dict[int, Tensor] = {}
        self._pace = torch.zeros(places, 1, 1)
        self._ones = torch.ones(places, batch, 1)
        self._x = np.zeros((places, batch, common.x.shape[1]), np.float32)
        self._y = np.zeros((places, batch), np.float32)
        self._share = np.zeros((places, batch), np.float32)
        self._offset = np.zeros((places, 1), np.float32)
        for place, member in members.items():
            self._offset[place] = member.descent.offset

    @torch.inference_mode()
    def train(self, lr: float) -> bool:
        """Take every step of every member; return whether every loss was finite."""
        for rows in zip_longest(*(member.batches for member in self._members.values())):
            self._load(rows)
            if not self._step(lr):
                return False
        return True

    def parameters(self, place: int, out: FlatF32) -> None:
        """Write the parameters of a member into `out`, [size]."""
        for name, values in self._schema.split(out).items():
            np.copyto(values, self._named[name][place].numpy())

    def _load(self, rows: Sequence[NDArray[np.int64] | None]) -> None:
        """Fill the batch of every member; `share` is 1 / rows, or 0 where there is no row."""
        self._share.fill(0)
        for (place, member), taken in zip(self._members.items(), rows, strict=True):
            if taken is not None:
                n = len(taken)
                self._x[place, :n] = member.x[taken]
                self._y[place, :n] = member.y[taken]
                self._share[place, :n] = 1.0 / n

    def _step(self, lr: float) -> bool:
        inputs = [torch.from_numpy(self._x)]
        for weight, bias in zip(self._weights[:-1], self._biases[:-1], strict=True):
            inputs.append(torch.baddbmm(bias, inputs[-1], weight.mT).relu_())
        logits = torch.baddbmm(self._biases[-1], inputs[-1], self._weights[-1].mT)
        losses, residuals = by_example(logits.numpy()[:, :, 0] + self._offset, self._y)
        active = self._share[:, :1] > 0
        d = torch.from_numpy((residuals * self._share)[:, :, None])
        if self._momentum:
            self._pace = torch.from_numpy(active * np.float32(-lr))[:, :, None]
        for layer in range(len(inputs) - 1, -1, -1):
            weight, a = self._weights[layer], inputs[layer]
            below = torch.bmm(d, weight) if layer else d  # before the weight moves
            self._move(weight, d, a, lr)
            self._move(self._biases[layer], self._ones, d, lr)
            if layer:
                # A rectified value is positive exactly where its slope is 1.
                d = torch.ops.aten.threshold_backward(below, a, 0)
        return bool(np.isfinite(losses[active[:, 0]]).all())

    def _move(self, parameter: Tensor, d: Tensor, a: Tensor, lr: float) -> None:
        """Step every member along its d^T a; d is 0 for a member that stands still."""
        if not self._momentum:
            parameter.baddbmm_(d.mT, a, alpha=-lr)
            return
        velocity = self._velocity.get(id(parameter))
        if velocity is None:
            velocity = self._velocity[id(parameter)] = torch.zeros_like(parameter)
        velocity.baddbmm_(d.mT, a, beta=self._momentum)
        parameter.addcmul_(velocity, self._pace)
