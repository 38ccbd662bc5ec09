"""SCAFFOLD: steps corrected for the direction in which a site drifts.

Source: Karimireddy et al. 2020, arXiv:1910.06378, Algorithm 1 with option II. Names as there:

    site i      y <- y - lr (g(y) + c - c_i)                 K steps from x, plain descent
                c_i+ = c_i - c - (y - x) / (K lr)
    hub         x <- x + (server optimiser of) mean of (y_i - x)
                c <- c + |S| / N mean of (c_i+ - c_i)

With d_i = y_i - x, what leaves a site anyway, c_i+ - c_i = -c - d_i / (K_i lr): the hub
computes it, and nothing else has to leave. K_i follows from the number of patients. Means are
weighted by patients, as the objective is; |S| / N is then patients in the round over the most
that were ever in one. Both ends use d_i as it was sent, clipped and on the grid.

With one site c_i = c, every correction is 0, and what is left is FedAvg. Under differential
privacy d_i is noised, and controls are made of nothing else (Noble et al. 2022,
arXiv:2111.09278).

Plain functions, elementwise float32 unless said otherwise.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32

Memory = dict[str, NDArray[Any]]
"""`control` [size] float32, and `weight` [1] float64: the most patients ever in a round."""


def init(size: int) -> Memory:
    """Return the hub's memory before round 1."""
    return {"control": np.zeros(size, np.float32), "weight": np.zeros(1)}


def step(memory: Memory, means: Mapping[int, tuple[FlatF32, int]], lr: float) -> Memory:
    """Return the hub's memory after a round.

    Args:
        memory: From `init` or the last `step`.
        means: Local steps K -> mean update of the sites that made K steps, [size], and their
            patients; at least one.
        lr: Local learning rate of the round.
    """
    control = memory["control"]
    here = sum(patients for _, patients in means.values())
    most = max(float(memory["weight"][0]), float(here))
    drift = np.zeros(control.size)
    for steps in sorted(means):
        mean, patients = means[steps]
        drift += mean * (patients / here / (steps * lr))
    moved = control + (here / most) * (-control - drift)
    return {"control": moved.astype(np.float32), "weight": np.array([most])}


def correction(control: FlatF32, own: FlatF32) -> FlatF32:
    """Return what a site adds to every gradient, c - c_i."""
    return control - own


def own_after(
    control: FlatF32, own: FlatF32, update: FlatF32, steps: int, lr: float
) -> FlatF32:
    """Return a site's control after it has offered `update` from `steps` steps at rate `lr`."""
    return own - control - update * np.float32(1.0 / (steps * lr))
