"""The loss of one logit and its slope, in the only place where it is written.

Cross-entropy of a yes/no outcome y in {0, 1} under p = 1 / (1 + exp(-z)):

    loss = log(1 + exp(z)) - y z        dloss/dz = p - y

Logit adjustment (Menon et al. 2021, arXiv:2007.07314, eq. 10) trains on z + log(pi_1/pi_0)
with the site's own class shares pi, and predicts with z alone: a site that sees mostly
sick children then teaches what sick lungs look like, and not that children are mostly sick.
"""

from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.recipes.recipe import Labels


def log_prior_odds(y: Labels) -> float:
    """Return log(pi_1 / pi_0) of a site's training labels.

    Shares are smoothed, pi_c = (n_c + 1) / (n + 2), so a site with a single class has
    finite odds: it still teaches, with a gradient that its prior already explains damped.
    """
    positives = int(np.count_nonzero(y))
    return log((positives + 1) / (y.size - positives + 1))


def sigmoid(z: NDArray[Any]) -> NDArray[Any]:
    """Return 1 / (1 + exp(-z)) in the precision of `z`; no overflow for any finite z."""
    half = np.asarray(0.5, z.dtype)
    probability: NDArray[Any] = half * np.tanh(half * z) + half
    return probability


def slope(
    z: NDArray[np.float32], y: NDArray[np.float32], offset: float
) -> tuple[float, NDArray[np.float32]]:
    """Return the mean loss of a batch and its derivative by every logit.

    Args:
        z: Logits, [b].
        y: Outcomes, 0.0 or 1.0, [b].
        offset: Added to every logit.

    Returns:
        The mean of the losses, and dmean/dz, [b], float32.
    """
    losses, residuals = by_example(z + np.float32(offset), y)
    return float(losses.mean()), residuals / np.float32(y.size)


def by_example(
    z: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return loss and p - y of every example; any shape, float32."""
    losses: NDArray[np.float32] = (
        np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))) - y * z  # no overflow
    )
    return losses, sigmoid(z) - y
