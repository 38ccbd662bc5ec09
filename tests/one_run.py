"""What one training run shows of its privacy: an audit with canaries.

Implements Steinke, Nasr and Jagielski 2023 (arXiv:2305.08846), Theorem 5.2: of m patients each
was in by an independent fair coin; whoever sees the release guesses r of the coins and v are
right. Under (epsilon, delta) the number of right guesses is no larger, in distribution, than
Binomial(r, e^epsilon / (1 + e^epsilon)), but for what delta allows.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95


def chance(patients: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Return the largest probability of `right` guesses or more under (epsilon, delta)."""
    p = 1.0 / (1.0 + np.exp(-epsilon))
    by_noise = float(stats.binom.sf(right - 1, guesses, p))
    near = np.cumsum(stats.binom.pmf(np.arange(right - 1, -1, -1), guesses, p))
    worst = float(np.max(near / np.arange(1, right + 1), initial=0.0))
    return min(1.0, by_noise + 2.0 * patients * delta * worst)


def lower_bound(patients: int, guesses: int, right: int, delta: float) -> float:
    """Return the largest epsilon that is refuted with 95 % confidence; 0 if none is."""
    low, high = 0.0, 20.0
    if chance(patients, guesses, right, low, delta) > 1 - CONFIDENCE:
        return 0.0
    for _ in range(40):
        middle = (low + high) / 2
        if chance(patients, guesses, right, middle, delta) > 1 - CONFIDENCE:
            high = middle
        else:
            low = middle
    return low


def audit(
    release: Callable[[NDArray[np.bool_]], NDArray[np.float64]],
    patients: int,
    seed: int,
    delta: float,
) -> float:
    """Return the lower bound on epsilon that one release shows.

    Args:
        release: Which patients are in -> a score for each, larger where more likely in.
        patients: How many canaries there are.
        seed: Of the coins.
        delta: The claimed one.
    """
    inside = np.random.default_rng([seed, 3]).integers(0, 2, patients).astype(np.bool_)
    order = np.argsort(release(inside), kind="stable")
    each = patients // 5  # guess where it is clearest, and abstain between
    right = int((~inside[order[:each]]).sum() + inside[order[-each:]].sum())
    return lower_bound(patients, 2 * each, right, delta)
