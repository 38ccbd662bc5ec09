"""Gradients of single examples, layer by layer: one pass for a whole batch.

    forward    writes down what went into each layer and what came out
    backward   one autograd pass gives d, the derivative of each example's loss by what came
               out (examples do not meet, so the derivative of the sum is everybody's own)

    dense         weight d (x) a                    bias d
    convolution   weight sum of d (x) window        bias sum of d       over positions
    group norm    gain sum of d * normalised x      bias sum of d       over positions
    places        weight d * a, place by place      bias mean of d      over places

(Goodfellow 2015, arXiv:1510.01799; Rochette et al. 2019, arXiv:1912.06015.) A plain step
computes as much but for keeping examples apart. Large dense layers can stay in factors.

Held to vmap(grad), to a loop in float64 and to Opacus by tests.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from modelward.recipes.gradients.factors import Block, Factors
from modelward.recipes.gradients.row_gradients import require_apart
from modelward.recipes.gradients.torch_cpu import Batches, Forward, single_thread
from modelward.recipes.layers.layers import PLAIN, Layers, Parameters
from modelward.recipes.recipe import Labels, Offset
from modelward.recipes.regression.logit import sigmoid, softmax

MATRIX = 2
"""Axes of dense weights, and of what a dense layer gives."""

FACTORED = 1 << 12
"""Weights of a dense layer from which on it is left in factors."""

WINDOWS = 1 << 25
"""Bytes that the windows of a convolution may take at once; one example always may."""


Kind = Literal["dense", "convolution", "norm", "places"]


@dataclass(frozen=True, slots=True, eq=False)
class _Use:
    """One layer in one pass: what went in (for a norm: normalised), and what came out."""

    kind: Kind
    name: str
    seen: Tensor
    gave: Tensor


class _Recorder:
    """Layers that write down what they see and give, in the order they are used."""

    def __init__(self) -> None:
        self.uses: list[_Use] = []

    def dense(self, parameters: Parameters, name: str, x: Tensor) -> Tensor:
        """See layers.Layers."""
        return self._keep("dense", name, x, PLAIN.dense(parameters, name, x))

    def convolution(self, parameters: Parameters, name: str, x: Tensor, padding: str) -> Tensor:
        """See layers.Layers."""
        gave = PLAIN.convolution(parameters, name, x, padding)
        around = (parameters[f"{name}.weight"].shape[1] - 1) // 2 if padding == "same" else 0
        rows = functional.pad(x.detach(), (around,) * 4).permute(0, 2, 3, 1)
        return self._keep("convolution", name, rows, gave)

    def group_norm(self, parameters: Parameters, name: str, x: Tensor, groups: int) -> Tensor:
        """See layers.Layers."""
        even = functional.group_norm(x, groups)
        gain, bias = parameters[f"{name}.gain"], parameters[f"{name}.bias"]
        gave = torch.addcmul(bias[:, None, None], even, gain[:, None, None])
        return self._keep("norm", name, even, gave)

    def places(self, parameters: Parameters, name: str, x: Tensor) -> Tensor:
        """See layers.Layers."""
        return self._keep("places", name, x, PLAIN.places(parameters, name, x))

    def _keep(self, kind: Kind, name: str, x: Tensor, gave: Tensor) -> Tensor:
        if not gave.requires_grad:
            gave.requires_grad_()
        self.uses.append(_Use(kind, name, x.detach(), gave))
        return gave


class LayerRowGradients:
    """Gradients of single examples at parameters that somebody else moves.

    Args:
        forward: Makes what the model computes out of layers; uses each layer once, and
            parameters through layers only.
        parameters: By name, in schema order, all of them; share memory with the flat vector.
        batches: The site's inputs.
        y: The site's outcomes.
        offset: Added to every logit; see recipe.Descent.
    """

    def __init__(
        self,
        forward: Callable[[Layers], Forward],
        parameters: Mapping[str, Tensor],
        batches: Batches,
        y: Labels,
        offset: Offset,
    ) -> None:
        single_thread()
        self._forward = forward
        self._parameters = dict(parameters)
        self._batches = batches
        self._y, self._offset = y.astype(np.float32), np.asarray(offset, np.float32)
        self._columns: dict[str, slice] = {}
        self._blocks: dict[str, Block] = {}
        start = 0
        for name, values in self._parameters.items():
            self._columns[name] = slice(start, start + values.numel())
            if values.dim() == MATRIX and values.numel() >= FACTORED:
                self._blocks[name] = Block(start, *values.shape)
            start += values.numel()

    @property
    def blocks(self) -> tuple[Block, ...]:
        """See factors.FactoredGradients."""
        return tuple(self._blocks.values())

    def factored(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> Sequence[Factors]:
        """See factors.FactoredGradients."""
        return list(self._write(rows, draw, out).values())

    def gradients(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> None:
        """Write the gradient of each row's loss into `out`; see recipe.RowGradients."""
        for name, found in self._write(rows, draw, out).items():
            block = self._blocks[name]
            here = out[:, block.start : block.stop].reshape(len(rows), block.out, block.seen)
            np.multiply(found.d[:, :, None], found.a[:, None, :], out=here)

    def penalty(self) -> NDArray[np.float32] | None:
        """Return None: networks have no penalty."""
        return None

    def require_apart(self, rows: NDArray[np.int64]) -> None:
        """Return if no logit depends on other examples; see recipe.RowGradients."""
        x = self._batches.take(rows, None)
        require_apart(self._forward(PLAIN), self._parameters, x)

    def _write(
        self, rows: NDArray[np.int64], draw: np.random.Generator, out: NDArray[np.float32]
    ) -> dict[str, Factors]:
        """Write everything but the blocks into `out`, and return their factors by name."""
        recorder = _Recorder()
        logits = self._forward(recorder)(self._parameters, self._batches.take(rows, draw))
        slopes = torch.from_numpy(self._slopes(logits.detach().numpy(), rows))
        gave = [use.gave for use in recorder.uses]
        found: dict[str, Factors] = {}
        for use, d in zip(
            recorder.uses, torch.autograd.grad(logits, gave, slopes), strict=True
        ):
            weight = f"{use.name}.{'gain' if use.kind == 'norm' else 'weight'}"
            bias = d.mean(2) if use.kind == "places" else _over_positions(d)
            out[:, self._columns[f"{use.name}.bias"]] = bias.numpy()
            if weight in self._blocks:
                found[weight] = Factors(d.numpy(), use.seen.contiguous().numpy())
            else:
                self._weights(use, d, out[:, self._columns[weight]])
        return {name: found[name] for name in self._blocks}

    def _slopes(
        self, logits: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return the derivative of each example's loss by its own logits."""
        z, y = logits + self._offset, self._y[rows]
        if z.ndim == 1:
            return np.asarray(sigmoid(z) - y, np.float32)
        return np.asarray(softmax(z) - np.eye(z.shape[1])[y.astype(np.intp)], np.float32)

    def _weights(self, use: _Use, d: Tensor, out: NDArray[np.float32]) -> None:
        if use.kind == "dense":
            parts = d[:, :, None] * use.seen[:, None, :]
        elif use.kind == "norm":
            parts = _over_positions(d * use.seen)
        elif use.kind == "places":
            parts = d[:, :, :, None] * use.seen[:, None]
        else:
            parts = _convolved(d, use.seen, self._parameters[f"{use.name}.weight"].shape[1])
        out[...] = parts.reshape(len(out), -1).numpy()


def _over_positions(d: Tensor) -> Tensor:
    """Return [b, channels]: `d` added over the positions of an image, if it is one."""
    return d if d.dim() == MATRIX else d.sum((2, 3))


def _convolved(d: Tensor, x: Tensor, kernel: int) -> Tensor:
    """Return each example's gradient of convolution weights, [b, out, kh * kw * in].

    Args:
        d: What comes back, [b, out, h, w].
        x: What went in, padded, channels last, [b, h + kernel - 1, w + kernel - 1, in].
        kernel: Height and width of the kernel.
    """
    examples, given, high, wide = d.shape
    depth = x.shape[3]
    found = torch.empty(examples, given, kernel * kernel * depth)
    one = 4 * high * wide * kernel * kernel * depth
    most = max(1, WINDOWS // one)
    for start in range(0, examples, most):
        here = slice(start, start + most)
        windows = x[here].unfold(1, kernel, 1).unfold(2, kernel, 1).permute(0, 1, 2, 4, 5, 3)
        back = d[here].permute(0, 2, 3, 1).reshape(-1, high * wide, given)
        windows = windows.reshape(len(back), high * wide, -1)
        torch.bmm(back.transpose(1, 2), windows, out=found[here])
    return found
