"""FedDyn: local objectives whose optima agree with the optimum of their sum.

Source: Acar et al. 2021, arXiv:2111.04263, Algorithm 1. Names as there, with d_k = theta_k -
theta, what a site sends:

    site k     theta_k ~ argmin L_k(theta') - <g_k, theta'> + alpha / 2 |theta' - theta|^2
               g_k <- g_k - alpha d_k
    hub        h <- h - alpha |S| / N mean of d_k
               theta <- theta + mean of d_k - h / alpha

A site's steps follow gradient - g_k + alpha (theta' - theta). Means are weighted by patients,
as the objective is; |S| / N is then patients in the round over the most that were ever in one,
as in scaffold.py. So h stays the mean of the g_k of all sites also where one of them refused a
round. g_k stays at the site; the hub computes h from what is sent anyway.
At a fixed point every d_k is 0 and the gradients of all sites together vanish; with one site
this is the method of multipliers on its own loss.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32

ALPHA = 0.01
"""Where a study names none; the paper uses 0.1, 0.01 and 0.001."""


Memory = dict[str, NDArray[Any]]
"""`h` [size] float32, and `weight` [1] float64: the most patients ever in a round."""


def init(size: int) -> Memory:
    """Return the hub's memory before round 1."""
    return {"h": np.zeros(size, np.float32), "weight": np.zeros(1)}


def step(
    memory: Memory, model: FlatF32, mean: FlatF32, patients: int, alpha: float
) -> tuple[Memory, FlatF32]:
    """Return the hub's memory and the model after a round.

    Args:
        memory: From `init` or the last `step`.
        model: Global parameters, [size].
        mean: Mean update of the round, [size].
        patients: Those behind it, at least 1.
        alpha: Strength of the pull.
    """
    most = max(float(memory["weight"][0]), float(patients))
    h = memory["h"] - np.float32(alpha * patients / most) * mean
    moved: FlatF32 = np.subtract(model + mean, h / np.float32(alpha), dtype=np.float32)
    return {"h": h, "weight": np.array([most])}, moved


def own_after(own: FlatF32, update: FlatF32, alpha: float) -> FlatF32:
    """Return a site's g_k after it has offered `update`."""
    return own - np.float32(alpha) * update
