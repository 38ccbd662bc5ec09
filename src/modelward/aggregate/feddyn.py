"""FedDyn: local objectives whose optima agree with the optimum of their sum.

Source: Acar et al. 2021, arXiv:2111.04263, Algorithm 1. Names as there, with d_k = theta_k -
theta, what a site sends:

    site k     theta_k ~ argmin L_k(theta') - <g_k, theta'> + alpha / 2 |theta' - theta|^2
               g_k <- g_k - alpha d_k
    hub        h <- h - alpha mean of d_k
               theta <- theta + mean of d_k - h / alpha

A site's steps follow gradient - g_k + alpha (theta' - theta). Means are weighted by patients,
as the objective is. g_k stays at the site; the hub computes h from what is sent anyway.
At a fixed point every d_k is 0 and the gradients of all sites together vanish; with one site
this is the method of multipliers on its own loss.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32

ALPHA = 0.01
"""Where a study names none; the paper uses 0.1, 0.01 and 0.001."""


def init(size: int) -> dict[str, NDArray[np.float32]]:
    """Return the hub's memory before round 1: `h` [size]."""
    return {"h": np.zeros(size, np.float32)}


def step(
    memory: dict[str, NDArray[np.float32]], model: FlatF32, mean: FlatF32, alpha: float
) -> tuple[dict[str, NDArray[np.float32]], FlatF32]:
    """Return the hub's memory and the model after a round.

    Args:
        memory: From `init` or the last `step`.
        model: Global parameters, [size].
        mean: Mean update of the round, [size].
        alpha: Strength of the pull.
    """
    h = memory["h"] - np.float32(alpha) * mean
    moved: FlatF32 = np.subtract(model + mean, h / np.float32(alpha), dtype=np.float32)
    return {"h": h}, moved


def own_after(own: FlatF32, update: FlatF32, alpha: float) -> FlatF32:
    """Return a site's g_k after it has offered `update`."""
    return own - np.float32(alpha) * update
