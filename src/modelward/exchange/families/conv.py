"""A small convolutional network on grey images (`conv-N`), in numpy alone.

Two convolutions of 3 x 3 with stride 2 and ReLU (N and 2N channels), then one linear layer on
all that is left of the image. A convolution is a matrix product over patches (im2col,
Chellapilla et al. 2006), so its gradient is two more products. It needs no torch: a site that
only evaluates what others offer has none to install.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.exchange.families.family import Draft, Floats, Inputs, Shape, scaled

SIDE, STRIDE = 3, 2

Patches = NDArray[np.float32]
"""[n, rows, columns, values of one patch]."""


@dataclass(frozen=True, slots=True)
class Conv:
    """Two strided convolutions and a linear layer.

    Attributes:
        channels: Of the first layer; the second has twice as many.
    """

    channels: int = 8
    version: int = 1

    @property
    def name(self) -> str:
        """Name on a card."""
        return f"conv-{self.channels}"

    def schema(self, shape: Shape) -> Schema:
        """Return weights and biases of the three layers; a weight is [out, patch]."""
        first, second, left = self._extents(shape)
        return Schema.of(
            TensorSpec("conv1.weight", "F32", (first, SIDE * SIDE)),
            TensorSpec("conv1.bias", "F32", (first,)),
            TensorSpec("conv2.weight", "F32", (second, SIDE * SIDE * first)),
            TensorSpec("conv2.bias", "F32", (second,)),
            TensorSpec("out.weight", "F32", (shape.classes, left)),
            TensorSpec("out.bias", "F32", (shape.classes,)),
        )

    def initial(self, shape: Shape, seed: int) -> Draft:
        """Return He-scaled weights and zero biases."""
        draw = np.random.default_rng([seed, 100 + self.channels])
        return {
            spec.name: scaled(draw, spec.shape[1], *spec.shape)
            if len(spec.shape) > 1
            else np.zeros(spec.shape, np.float32)
            for spec in self.schema(shape)
        }

    def logits(self, tensors: Tensors, x: Inputs) -> Floats:
        """Return logits of `x`, [n, classes]."""
        first = _relu(_patches(x[..., None]), tensors, "conv1")
        flat = _relu(_patches(first), tensors, "conv2").reshape(len(x), -1)
        return np.asarray(flat @ tensors["out.weight"].T + tensors["out.bias"], np.float64)

    def gradient(self, tensors: Tensors, x: Inputs, slope: Floats) -> Draft:
        """Return the gradient for `slope`, by the chain rule."""
        seen1 = _patches(x[..., None])
        first = _relu(seen1, tensors, "conv1")
        seen2 = _patches(first)
        second = _relu(seen2, tensors, "conv2")
        flat, slope32 = second.reshape(len(x), -1), slope.astype(np.float32)
        back2 = (slope32 @ tensors["out.weight"]).reshape(second.shape) * (second > 0)
        back1 = _unpatch(back2 @ tensors["conv2.weight"], first.shape) * (first > 0)
        return {
            **_layer("conv1", back1, seen1),
            **_layer("conv2", back2, seen2),
            "out.weight": slope32.T @ flat,
            "out.bias": slope32.sum(0),
        }

    def _extents(self, shape: Shape) -> tuple[int, int, int]:
        high, wide = (_out(_out(extent)) for extent in shape.inputs)
        return self.channels, 2 * self.channels, high * wide * 2 * self.channels


def _out(extent: int) -> int:
    """Return the rows after one convolution with a border of one zero."""
    return (extent + 2 - SIDE) // STRIDE + 1


def _patches(x: NDArray[np.float32]) -> Patches:
    """Return every patch of `x`, [n, rows, columns, channels], with a border of zeros."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = sliding_window_view(padded, (SIDE, SIDE), axis=(1, 2))[:, ::STRIDE, ::STRIDE]
    return np.ascontiguousarray(windows).reshape(*windows.shape[:3], -1)


def _unpatch(slope: Patches, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Add the slopes of patches up to slopes of the values they were cut from."""
    n, high, wide, channels = shape
    padded = np.zeros((n, high + 2, wide + 2, channels), np.float32)
    rows, columns = slope.shape[1:3]
    parts = slope.reshape(n, rows, columns, channels, SIDE, SIDE)
    for down in range(SIDE):
        for right in range(SIDE):
            to = padded[:, down : down + STRIDE * rows : STRIDE]
            to[:, :, right : right + STRIDE * columns : STRIDE] += parts[..., down, right]
    return padded[:, 1:-1, 1:-1]


def _relu(seen: Patches, tensors: Tensors, name: str) -> NDArray[np.float32]:
    return np.maximum(seen @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"], 0)


def _layer(name: str, back: NDArray[np.float32], seen: Patches) -> Draft:
    flat = back.reshape(-1, back.shape[-1])
    return {
        f"{name}.weight": flat.T @ seen.reshape(len(flat), -1),
        f"{name}.bias": flat.sum(0),
    }
