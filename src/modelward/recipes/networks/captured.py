"""One training step of a network on a GPU, captured once and replayed for every site.

A step of a network has hundreds of small kernels, and starting them costs more than running
them. So the step is recorded once, as a CUDA graph, over buffers that stay where they are:

    flat       all parameters, float32; a site's start is one copy into it
    taken      a batch of images as bytes, gathered from the site's data on the device
    share      what each example counts: its class weight / examples of the step, or 0
    lr, offset numbers of the round and of the site

and replayed for every step of every site and round. The forward function sees parameters in
the precision of the step: bfloat16, cast once as a whole, or float32. Losses, gradients of
the flat vector and parameters are float32. The last, smaller batch of an epoch is filled up
with examples that count nothing: no network here mixes examples.

Tensors in `flat` begin at multiples of `ALIGNED` values, which is what fast convolutions ask
for; `start` and `read` translate from and to schema order.

With `device = "cpu"` and nothing captured, the same code runs anywhere, for tests. Which site
uses a GPU is learn/device.py's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, Schema
from modelward.recipes.gradients.objective import objective
from modelward.recipes.networks.network import Network
from modelward.recipes.recipe import Descent, Labels

ALIGNED = 64
"""Values; 128 bytes in bfloat16."""

WARM_UP = 3
"""Steps before a capture, in which libraries choose and set up their kernels."""

Precision = Literal["bfloat16", "float32"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a captured step is made for; another one needs another capture.

    Attributes:
        network: What is trained.
        inputs: What one example looks like.
        batch: Examples of a step, at most.
        momentum: As in recipe.Descent.
        precision: Of parameters and activations in the network.
        device: Where.
        capture: Whether to capture it; only on a GPU.
    """

    network: Network
    inputs: Inputs
    batch: int
    momentum: float
    precision: Precision = "bfloat16"
    device: str = "cuda"
    capture: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class OnDevice:
    """A site's examples in device memory: images [n, slices, height, width] as bytes."""

    x: Tensor
    y: Tensor

    @classmethod
    def of(cls, x: NDArray[np.uint8], y: Labels, device: str) -> "OnDevice":
        """Copy examples to the device."""
        flat = x[:, None] if x.ndim == 3 else x  # noqa: PLR2004 - images of one slice
        there = [torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in (flat, y)]
        return cls(*there)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The examples of one step.

    Attributes:
        rows: Their numbers, [b].
        moves: Pixels down and to the right, [2, b], from which to show each; None for none.
    """

    rows: NDArray[np.int64]
    moves: NDArray[np.int64] | None = None


class Captured:
    """A step on buffers of its own; holds device memory as long as it lives.

    Args:
        step: What it is made for.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self._schema = step.network.schema(step.inputs)
        self._padded = [-(-spec.size // ALIGNED) * ALIGNED for spec in self._schema]
        self._place = _places(self._schema, self._padded).to(step.device)
        self._flat = self._zeros(sum(self._padded)).requires_grad_()
        self._velocity = self._zeros(sum(self._padded))
        self._lr, self._loss = self._zeros(()), self._zeros(())
        several = step.inputs.outcome == "levels"
        self._offset = self._zeros(step.inputs.levels if several else ())
        self._share = self._zeros(step.batch)
        self._objective = objective(step.inputs, self._offset)
        self._forward = step.network.computed().forward(step.network, step.inputs)
        self._taken: Tensor | None = None
        self._target: Tensor | None = None
        self._graph: Any = None

    def start(self, parameters: Tensor) -> None:
        """Begin at `parameters`, [size] in schema order, at rest."""
        with torch.no_grad():
            self._flat.index_copy_(0, self._place, parameters)
        self._velocity.zero_()
        self._loss.zero_()

    def read(self) -> Tensor:
        """Return the parameters as they are now, [size] in schema order, on the device."""
        return self._flat.detach().index_select(0, self._place)

    def train(
        self, site: OnDevice, batches: Sequence[Batch], lr: float, descent: Descent
    ) -> Tensor:
        """Take a step on each of `batches`; return the sum of the mean losses, [].

        The sum is not finite once training has diverged; reading it waits for the device.
        """
        order, share = self._batches(site, [batch.rows for batch in batches], descent)
        moves = self._moves(batches)
        self._lr.fill_(lr)
        self._offset.copy_(torch.as_tensor(descent.offset, dtype=torch.float32))
        self._ready(site)
        assert self._taken is not None and self._target is not None  # noqa: S101, PT018
        for number in range(len(batches)):
            if moves is None:
                torch.index_select(site.x, 0, order[number], out=self._taken)
            else:
                self._taken.copy_(_moved(site.x, order[number], moves[number]))
            torch.index_select(site.y, 0, order[number], out=self._target)
            self._share.copy_(share[number])
            if self._graph is None:
                self._one()
            else:
                self._graph.replay()
        return self._loss

    def _batches(
        self, site: OnDevice, rows: Sequence[NDArray[np.int64]], descent: Descent
    ) -> tuple[Tensor, Tensor]:
        """Return row numbers and shares of every step, [steps, batch], on the device."""
        order = np.zeros((len(rows), self.step.batch), np.int64)
        share = np.zeros(order.shape, np.float32)
        for number, taken in enumerate(rows):
            order[number, : len(taken)] = taken
            share[number, : len(taken)] = 1.0 / len(taken)
        there, counts = (torch.from_numpy(v).to(self.step.device) for v in (order, share))
        if any(weight != 1.0 for weight in descent.weights):
            of_class = torch.tensor(descent.weights, device=self.step.device)
            counts = counts * of_class[site.y[there].long()]
        return there, counts

    def _moves(self, batches: Sequence[Batch]) -> Tensor | None:
        """Return by how many pixels each example is moved, [steps, 2, batch], or None."""
        if not batches or batches[0].moves is None:
            return None
        found = np.zeros((len(batches), 2, self.step.batch), np.int64)
        for number, batch in enumerate(batches):
            if batch.moves is not None:
                found[number, :, : len(batch.rows)] = batch.moves
        return torch.from_numpy(found).to(self.step.device)

    def _ready(self, site: OnDevice) -> None:
        """Make the buffers of a batch, and capture the step, if that was not done."""
        if self._taken is not None:
            return
        self._taken = site.x.new_zeros((self.step.batch, *site.x.shape[1:]))
        self._target = site.y.new_zeros((self.step.batch, *site.y.shape[1:]))
        if not self.step.capture:
            return
        kept = self._flat.detach().clone()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self._one()
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._one()
        with torch.no_grad():
            self._flat.copy_(kept)
        self._velocity.zero_()
        self._loss.zero_()

    def _one(self) -> None:
        """Take one step on what lies in the buffers."""
        wide = torch.float32 if self.step.precision == "float32" else torch.bfloat16
        z = self._forward(self._named(wide), self._images(wide))
        assert self._target is not None  # noqa: S101
        loss = (self._objective.losses(z, self._target) * self._share).sum()
        (gradient,) = torch.autograd.grad(loss, self._flat)
        with torch.no_grad():
            self._loss.add_(loss)
            if self.step.momentum:
                gradient = self._velocity.mul_(self.step.momentum).add_(gradient)
            self._flat.addcmul_(gradient, self._lr, value=-1.0)

    def _named(self, wide: torch.dtype) -> dict[str, Tensor]:
        """Return the parameters by name, views of one cast of the flat vector."""
        parts = torch.split(self._flat.to(wide), self._padded)
        return {
            spec.name: (part if part.numel() == spec.size else part[: spec.size]).view(
                spec.shape
            )
            for spec, part in zip(self._schema, parts, strict=True)
        }

    def _images(self, wide: torch.dtype) -> Tensor:
        """Return the batch scaled to -1 .. +1, as cnn_torch.ImageBatches scales it."""
        low, high = self.step.inputs.intensity
        assert self._taken is not None  # noqa: S101
        scaled = (self._taken.float() - low) * (2.0 / (high - low)) - 1.0
        return scaled.to(wide).contiguous(memory_format=torch.channels_last)

    def _zeros(self, size: int | tuple[int, ...]) -> Tensor:
        return torch.zeros(size, dtype=torch.float32, device=self.step.device)


def _places(schema: Schema, padded: Sequence[int]) -> Tensor:
    """Return where each parameter lies in the aligned vector, [size]."""
    found, begin = [], 0
    for spec, width in zip(schema, padded, strict=True):
        found.append(torch.arange(begin, begin + prod(spec.shape)))
        begin += width
    return torch.cat(found)


def _moved(x: Tensor, rows: Tensor, moves: Tensor) -> Tensor:
    """Return the images `rows`, moved by whole pixels, edges repeated: [b, slices, h, w]."""
    high, wide = x.shape[-2:]
    down = (torch.arange(high, device=x.device) + moves[0][:, None]).clamp(0, high - 1)
    right = (torch.arange(wide, device=x.device) + moves[1][:, None]).clamp(0, wide - 1)
    taken = x[rows[:, None, None], :, down[:, :, None], right[:, None, :]]
    return taken.movedim(-1, 1)


def exact_float32() -> None:
    """Hold the device to full float32 and to algorithms that repeat their bits."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def to_numpy(values: Tensor, out: FlatF32) -> FlatF32:
    """Copy a device vector into `out`, [size]."""
    torch.from_numpy(out).copy_(values)
    return out
