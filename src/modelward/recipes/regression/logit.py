"""The loss of one logit and its slope, in the only place where it is written.

Cross-entropy of a yes/no outcome y in {0, 1} under p = 1 / (1 + exp(-z)):

    loss = log(1 + exp(z)) - y z        dloss/dz = p - y

Logit adjustment (Menon et al. 2021, arXiv:2007.07314, eq. 10) trains on z + log(pi_1/pi_0)
with the site's own class shares pi, and predicts with z alone: a site that sees mostly
sick children then teaches what sick lungs look like, and not that children are mostly sick.

Class weights n / (2 n_c) make both outcomes count alike in the mean loss (King and Zeng 2001,
Political Analysis 9, eq. 3, with half as the share in the population).
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


def class_weights(positives: float, total: float) -> tuple[float, float]:
    """Return what a negative and a positive example count, n / (2 n_c), smoothed as above."""
    whole = total + 2.0
    return whole / (2.0 * (total - positives + 1.0)), whole / (2.0 * (positives + 1.0))


def log_shares(y: Labels, levels: int) -> tuple[float, ...]:
    """Return the log share of every level among a site's training labels, smoothed as above.

    A level that the site has nobody of gets 1 / (n + levels), so that its logit is not pushed
    down for the site's lack of it (Menon et al. 2021, eq. 10).
    """
    counts = np.bincount(y, minlength=levels)
    return tuple(log((int(count) + 1) / (y.size + levels)) for count in counts)


def level_weights(y: Labels, levels: int) -> tuple[float, ...]:
    """Return what an example of each level counts, n / (levels n_c), smoothed as above.

    A level that nobody has counts nothing, as there is nothing to count.
    """
    counts = np.bincount(y, minlength=levels)
    there = int(np.count_nonzero(counts))
    return tuple((y.size + levels) / (there * (int(count) + 1)) for count in counts)


def sigmoid(z: NDArray[Any]) -> NDArray[Any]:
    """Return 1 / (1 + exp(-z)) in the precision of `z`; no overflow for any finite z."""
    half = np.asarray(0.5, z.dtype)
    probability: NDArray[Any] = half * np.tanh(half * z) + half
    return probability


def softmax(z: NDArray[Any]) -> NDArray[Any]:
    """Return the share of each of the last axis's exponentials; no overflow."""
    raised: NDArray[Any] = np.exp(z - z.max(-1, keepdims=True))
    share: NDArray[Any] = raised / raised.sum(-1, keepdims=True)
    return share


def slope(
    z: NDArray[np.float32],
    y: NDArray[np.float32],
    offset: float,
    weights: tuple[float, float] = (1.0, 1.0),
) -> tuple[float, NDArray[np.float32]]:
    """Return the mean loss of a batch and its derivative by every logit.

    Args:
        z: Logits, [b].
        y: Outcomes, 0.0 or 1.0, [b].
        offset: Added to every logit.
        weights: What an example without, and one with the outcome counts.

    Returns:
        The mean of the losses, and dmean/dz, [b], float32.
    """
    losses, residuals = by_example(z + np.float32(offset), y)
    if weights != (1.0, 1.0):
        counts = of_class(y, weights)
        losses, residuals = losses * counts, residuals * counts
    return float(losses.mean()), residuals / np.float32(y.size)


def of_class(y: NDArray[np.float32], weights: tuple[float, float]) -> NDArray[np.float32]:
    """Return what each example counts, [b]."""
    return np.where(y > 0, np.float32(weights[1]), np.float32(weights[0]))


def by_example(
    z: NDArray[np.float32], y: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return loss and p - y of every example; any shape, float32."""
    losses: NDArray[np.float32] = (
        np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))) - y * z  # no overflow
    )
    return losses, sigmoid(z) - y
