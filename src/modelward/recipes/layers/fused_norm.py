"""GroupNorm and a rectifier on a GPU, read and written once: relu(group_norm(x)).

Wu and He 2018, arXiv:1803.08494. torch computes GroupNorm in another memory layout than
convolutions want, so around every norm of a network a batch is copied several times, and a UNet
on large images spends more time in that than in convolutions. Here x stays channels_last, in
memory rows [pixels, channels] of each example, and sums are float32 (fused_norm.cu):

    forward    sums     of x and of x^2 for each channel, over pieces of the pixels
               stand    mean and 1 / deviation of each group: y = x * scale + shift
               forward  y, where it is above zero
    backward   slopes   sums of dz and of dz * x, dz = dy where y is above zero
               lean     dx = dz * scale + x * k + j, and the parts of gain and bias
               backward dx

With m values in a group, r = 1 / deviation and xhat = (x - mean) * r:
dx = r * (gain * dz - (sum(gain * dz) + xhat * sum(gain * dz * xhat)) / m).

Every sum is taken in a fixed order, so the same run twice gives the same bits. The kernels are
compiled inside the process by NVRTC, which comes with torch for CUDA: a trainer may start no
compiler (site/isolation/syscall_filter.py), and so no Triton. torch calls the way to do so its
own (`torch.cuda._compile_kernel`, since 2.8); without it torch's GroupNorm is taken.
"""

# mypy: disable-error-code="explicit-override"
# typing.override is in Python 3.12.

import sys
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd import Function

EPSILON = 1e-5
"""As torch's."""

WIDEST = 128
"""Channels of a block, at most."""

HELD = 16
"""Pixels that a thread goes through, at most."""

THREADS, WARP = 256, 32
"""As in fused_norm.cu."""

TYPES = {torch.bfloat16: ["-DBFLOAT16"], torch.float32: []}


@cache
def present() -> bool:
    """Return whether this torch compiles the kernels for its GPU; say so if it does not."""
    if not torch.cuda.is_available():
        return False
    try:
        for dtype in TYPES:
            kernel("sums", dtype)
    except (AttributeError, ImportError, OSError, RuntimeError) as error:
        sys.stderr.write(f"GroupNorm is torch's, as its kernels do not compile: {error}\n")
        return False
    return True


def takes(x: Tensor) -> bool:
    """Return whether `x`, [b, channels, *extents], is what the kernels read."""
    return x.is_cuda and x.shape[1] % 8 == 0 and x.dtype in TYPES and present()


def rectified_group_norm(x: Tensor, groups: int, gain: Tensor, bias: Tensor) -> Tensor:
    """Return relu(group_norm(x)), channels_last, of the type of `x`.

    Args:
        x: [b, channels, *extents], on a GPU; channels are a multiple of 8.
        groups: Divides the channels.
        gain: [channels].
        bias: [channels].
    """
    found: Tensor = _Rectified.apply(x, groups, gain, bias)  # type: ignore[no-untyped-call]
    return found


@cache
def kernel(name: str, dtype: torch.dtype) -> Callable[..., None]:
    """Return a kernel of fused_norm.cu for values of a type, compiled once in a process."""
    source = files("modelward.recipes.layers").joinpath("fused_norm.cu").read_text()
    made: Callable[..., None] = torch.cuda._compile_kernel(
        source, name, nvcc_options=TYPES[dtype]
    )
    return made


class _Kept(Protocol):
    """What autograd keeps from forward for backward."""

    shape: "_Shape"
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Rectified(Function):
    @staticmethod
    def forward(ctx: _Kept, x: Tensor, groups: int, gain: Tensor, bias: Tensor) -> Tensor:
        rows = _rows(x)
        shape, gain = _Shape(rows, groups), gain.float()
        sums = shape.scratch(shape.pieces, 2)
        shape.launch("sums", rows, sums)
        stood = shape.scratch(2)  # scale, shift
        found = torch.empty(shape.b, groups, 2, device=x.device)  # mean, 1 / deviation
        shape.grouped("stand", [sums, gain, bias.float(), stood, found], EPSILON)
        out = torch.empty_like(rows)
        shape.launch("forward", rows, stood, out)
        ctx.save_for_backward(rows, stood, found, gain)
        ctx.shape = shape
        return _like(out, x)

    @staticmethod
    def backward(ctx: _Kept, *given: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        rows, stood, found, gain = ctx.saved_tensors
        shape, slope = ctx.shape, _rows(given[0])
        sums = shape.scratch(shape.pieces, 2)
        shape.launch("slopes", rows, slope, stood, sums)
        leans, parts = shape.scratch(2), shape.scratch(2)  # k, j; of gain, of bias
        shape.grouped("lean", [sums, gain, found, leans, parts])
        out = torch.empty_like(rows)
        shape.launch("backward", rows, slope, stood, leans, out)
        of_gain, of_bias = parts.sum(0).unbind()
        return _like(out, given[0]), None, of_gain, of_bias


class _Shape:
    """How the rows of a batch, [b, pixels, channels], are shared among blocks."""

    def __init__(self, rows: Tensor, groups: int) -> None:
        self.b, self.n, self.c = rows.shape
        self.groups, self.dtype, self.device = groups, rows.dtype, rows.device
        self.wide = min(self.c & -self.c, WIDEST)  # the largest power of two in them
        self.rows = HELD * THREADS // (self.wide // 4)
        self.pieces = -(-self.n // self.rows)

    def scratch(self, *sizes: int) -> Tensor:
        """Return room for numbers of each example and channel, [b, *sizes, c]."""
        return torch.empty(self.b, *sizes, self.c, device=self.device)

    def launch(self, name: str, *tensors: Tensor) -> None:
        """Run a kernel over all values."""
        kernel(name, self.dtype)(
            grid=(self.pieces, self.c // self.wide, self.b),
            block=(THREADS, 1, 1),
            args=[*tensors, self.n, self.c, self.wide, self.rows],
        )

    def grouped(self, name: str, tensors: list[Tensor], *more: float) -> None:
        """Run a kernel over the groups of every example."""
        each = self.c // self.groups
        kernel(name, self.dtype)(
            grid=(self.groups, self.b, 1),
            block=(WARP, 1, 1),
            args=[*tensors, self.c, each, self.pieces, float(self.n * each), *more],
        )


def _rows(x: Tensor) -> Tensor:
    """Return `x` as rows, [b, pixels, channels]; a view if it is channels_last."""
    return x.movedim(1, -1).reshape(len(x), -1, x.shape[1]).contiguous()


def _like(rows: Tensor, x: Tensor) -> Tensor:
    """Return rows in the shape of `x`, as a view that is channels_last."""
    return rows.view(len(x), *x.shape[2:], x.shape[1]).movedim(-1, 1)
