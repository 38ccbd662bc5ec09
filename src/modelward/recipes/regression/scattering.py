"""Logistic regression on fixed wavelet features of a grey image: few parameters, none deep.

    |image * wavelet|, and ||image * wavelet| * wider wavelet|   in all directions and scales
    each averaged in a grid of smooth windows                    grid x grid numbers a channel
    each channel to mean 0 and variance 1 over its own windows   by the image alone
    the whole to length `LENGTH`, then one logit

Scattering (Bruna and Mallat 2013, arXiv:1203.1513) with Morlet wavelets. Nothing about the
features is learnt, so they cost no privacy, and what is learnt is small and convex: under a
privacy bound such features do better than small networks that learn theirs (Tramer and Boneh
2021, arXiv:2011.11660). Features are computed once for the images of a site and kept.

Training is logistic.py's; numpy only.
"""

from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32, Schema, TensorSpec
from modelward.errors import DataError
from modelward.recipes.recipe import Descent, Labels, Offset, Pixels
from modelward.recipes.regression.logistic import Logistic, LogisticModel, LogisticRowGradients
from modelward.recipes.regression.logistic import Options as Penalty

LENGTH = 8.0
"""L2 norm of an image's features: steps are then of the size that they have on tables."""

BLOCK = 64
"""Images transformed at once."""

KEPT = 16
"""Cohorts whose features are kept."""

_FREQUENCY, _WIDTH, _SLANT = 3 * np.pi / 4, 0.8, 0.5
"""Morlet wavelets: centre frequency and width of the finest, and width across over along."""


class Options(BaseModel):
    """`[recipe.options]` of `scattering`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    scales: int = Field(default=2, ge=1, le=6, description="Octaves of wavelets.")
    orientations: int = Field(default=8, ge=1, le=16, description="Directions of wavelets.")
    grid: int = Field(default=4, ge=2, le=16, description="Windows along each side.")
    l2: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Penalty on the coefficients."
    )


class Scattering:
    """The recipe `scattering`, version 1."""

    name = "scattering"
    version = 1

    def __init__(self, options: Options) -> None:
        self.options = options
        self._linear = Logistic(Penalty(l2=options.l2))

    def schema(self, inputs: Inputs) -> Schema:
        """Return `intercept` [1] and `weight` [channels, grid, grid].

        Raises:
            DataError: If the image is smaller than its windows or its widest wavelet.
        """
        options, side = self.options, min(inputs.shape)
        if side < max(2 * options.grid, 2 ** (options.scales + 1)):
            raise DataError(
                f"an image of {inputs.shape[0]} x {inputs.shape[1]} pixels is too small",
                why=f"{options.grid} windows and {options.scales} octaves do not fit into it",
                remedy="give recipe.options a smaller grid or fewer scales",
            )
        shape = (_channels(options), options.grid, options.grid)
        return Schema.of(
            TensorSpec("intercept", "F32", (1,)), TensorSpec("weight", "F32", shape)
        )

    def initial(self, inputs: Inputs, seed: int) -> FlatF32:
        """Return zeros: the objective is convex, so every start leads to the same end."""
        del seed
        return np.zeros(self.schema(inputs).size, np.float32)

    def local_model(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, descent: Descent
    ) -> LogisticModel:
        """Return a model that trains `flat` in place; see recipe.Recipe."""
        return self._linear.local_model(flat, self.features(x, inputs), y, inputs, descent)

    def row_gradients(
        self, flat: FlatF32, x: NDArray[Any], y: Labels, inputs: Inputs, offset: Offset
    ) -> LogisticRowGradients:
        """Return gradients of single images at `flat`; see recipe.Recipe."""
        return self._linear.row_gradients(flat, self.features(x, inputs), y, inputs, offset)

    def probabilities(
        self, flat: FlatF32, x: NDArray[Any], inputs: Inputs
    ) -> NDArray[np.float64]:
        """Return probabilities, [n]."""
        return self._linear.probabilities(flat, self.features(x, inputs), inputs)

    def features(self, images: Pixels, inputs: Inputs) -> NDArray[np.float32]:
        """Return the features of every image, [n, channels * grid * grid], norm `LENGTH`."""
        terms = (*images.shape, *inputs.intensity, *self.options.model_dump().values())
        key = (sha256(np.ascontiguousarray(images).data).digest(), *terms)
        found = _kept.get(key)
        if found is None:
            found = _features(images, inputs.intensity, self.options)
            while len(_kept) >= KEPT:
                _kept.pop(next(iter(_kept)), None)
            _kept[key] = found
        return found


_kept: dict[tuple[object, ...], NDArray[np.float32]] = {}
"""Features by the hash of the images and the terms, the oldest first."""


def _features(
    images: Pixels, intensity: tuple[float, float], options: Options
) -> NDArray[np.float32]:
    low, high = intensity
    found = np.empty((len(images), _channels(options) * options.grid**2), np.float32)
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK].astype(np.float32)
        scaled = (block - np.float32(low)) / np.float32(high - low)
        found[start : start + len(block)] = transform(scaled, options)
    return found


def transform(x: NDArray[np.float32], options: Options) -> NDArray[np.float32]:
    """Return the features of images [b, h, w] in 0 .. 1, [b, channels * grid * grid]."""
    waves = wavelets(x.shape[1], x.shape[2], options)
    down, across = (_windows(side, options.grid) for side in x.shape[1:])
    octaves = np.repeat(np.arange(options.scales), options.orientations)
    seen = np.fft.fft2(x)
    channels = [down @ x @ across.T]
    for octave, wave in zip(octaves, waves, strict=True):
        first = np.abs(np.fft.ifft2(seen * wave))
        channels.append(down @ first @ across.T)
        wider = waves[octaves > octave]
        again = np.fft.fft2(first) if len(wider) else None
        for other in wider:
            channels.append(down @ np.abs(np.fft.ifft2(again * other)) @ across.T)
    found = np.stack(channels, axis=1).reshape(len(x), len(channels), -1)
    found -= found.mean(axis=2, keepdims=True)
    found /= found.std(axis=2, keepdims=True) + 1e-6
    flat = found.reshape(len(x), -1)
    flat *= LENGTH / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return flat.astype(np.float32)


def wavelets(height: int, width: int, options: Options) -> NDArray[np.float64]:
    """Return Morlet wavelets in the Fourier domain, [scales * orientations, h, w], by scale.

    Each has mean 0: a constant added to an image changes nothing of what it sees.
    """
    down, across = (2 * np.pi * np.fft.fftfreq(side) for side in (height, width))
    found = []
    for octave in range(options.scales):
        spread, centre = _WIDTH * 2**octave, _FREQUENCY / 2**octave
        for turn in np.pi * np.arange(options.orientations) / options.orientations:
            wave = np.zeros((height, width))
            for lift in (-2 * np.pi, 0.0, 2 * np.pi):
                for shift in (-2 * np.pi, 0.0, 2 * np.pi):  # as sampled: frequencies repeat
                    y, x = (down + lift)[:, None], (across + shift)[None, :]
                    along = x * np.cos(turn) + y * np.sin(turn)
                    aside = (y * np.cos(turn) - x * np.sin(turn)) ** 2 / (8 * _SLANT**2)
                    still = np.exp(-(spread**2) * (along**2 / 2 + aside))
                    wave += np.exp(-(spread**2) * ((along - centre) ** 2 / 2 + aside))
                    wave -= np.exp(-(spread**2) * centre**2 / 2) * still
            wave[0, 0] = 0.0
            found.append(wave)
    return np.array(found)


def _windows(side: int, grid: int) -> NDArray[np.float64]:
    """Return smooth windows that average over a side, [grid, side]; each adds up to 1."""
    middle = (np.arange(grid) + 0.5) * side / grid
    distance = (np.arange(side) + 0.5 - middle[:, None]) * grid / side
    weight = np.exp(-2.0 * distance**2)
    found: NDArray[np.float64] = weight / weight.sum(axis=1, keepdims=True)
    return found


def _channels(options: Options) -> int:
    """Return 1 for the image, one for each wavelet, and one for each pair of scales."""
    scales, turns = options.scales, options.orientations
    return 1 + scales * turns + scales * (scales - 1) // 2 * turns * turns
