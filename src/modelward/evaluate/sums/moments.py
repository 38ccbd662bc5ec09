"""Figures and tests from sums alone: of numbers from n, sum and squares, of levels from counts.

means and standard deviations    from n, sum and sum of squares (denominator n - 1)
quartiles                        from counts in fixed bins, linear between their middles
two groups                       Welch's t test (1947); more: one-way analysis of variance
categories                       Pearson's chi-square
standardised mean difference     (m1 - m2) / sqrt((v1 + v2) / 2), for categories over all
                                 levels but one (Austin 2009; Yang and Dalton 2012)
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.sums import tails

Moments = NDArray[np.float64]
"""n, mean and variance, [3]; NaN where nobody has a value."""


def moments(known: float, total: float, square: float) -> Moments:
    """Return n, mean and variance (denominator n - 1) on the scale of the sums."""
    if known < 2:  # noqa: PLR2004 - a variance needs two
        return np.array([known, np.nan, np.nan])
    mean = total / known
    return np.array([known, mean, max(square - known * mean**2, 0.0) / (known - 1)])


def quartiles(
    counts: NDArray[np.float64], low: float, high: float
) -> tuple[float, float, float] | None:
    """Return the quartiles from counts in equal bins of [low, high]; None without counts."""
    total = counts.sum()
    if not total:
        return None
    edges = np.linspace(low, high, len(counts) + 1)
    full = np.flatnonzero(counts)
    below = (np.cumsum(counts[full]) - counts[full] / 2) / total
    first, middle, last = np.interp(
        [0.25, 0.5, 0.75], below, (edges[full] + edges[full + 1]) / 2
    )
    return float(first), float(middle), float(last)


def welch(one: Moments, other: Moments) -> float | None:
    """Return the two-sided p-value of Welch's t test; None without spread."""
    shares = one[2] / one[0], other[2] / other[0]
    error = sum(shares)
    if not error > 0:
        return None
    freedom = error**2 / (shares[0] ** 2 / (one[0] - 1) + shares[1] ** 2 / (other[0] - 1))
    return tails.student_two_sided(float((one[1] - other[1]) / sqrt(error)), float(freedom))


def variance_test(groups: list[Moments]) -> float | None:
    """Return the p-value of a one-way analysis of variance; None where it has no meaning."""
    known = [g for g in groups if g[0] >= 2]  # noqa: PLR2004
    n = sum(g[0] for g in known)
    if len(known) < 2 or n <= len(known):  # noqa: PLR2004
        return None
    mean = sum(g[0] * g[1] for g in known) / n
    between = sum(g[0] * (g[1] - mean) ** 2 for g in known) / (len(known) - 1)
    within = sum((g[0] - 1) * g[2] for g in known) / (n - len(known))
    if not within > 0:
        return None
    return tails.fisher(float(between / within), len(known) - 1, float(n - len(known)))


def pearson(counts: NDArray[np.float64]) -> float | None:
    """Return the p-value of Pearson's chi-square; None for one row or one column."""
    table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(table.shape) < 2:  # noqa: PLR2004
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    value = float((np.square(table - expected) / expected).sum())
    return tails.chi_square(value, (table.shape[0] - 1) * (table.shape[1] - 1))


def level_distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the standardised difference of two distributions of levels, from counts."""
    p, q = one / one.sum(), other / other.sum()
    used = (p + q > 0).nonzero()[0][1:]
    if not used.size:
        return 0.0
    t, c = p[used], q[used]
    spread = (np.diag(t) - np.outer(t, t) + np.diag(c) - np.outer(c, c)) / 2
    gap = t - c
    if len(used) == 1 and spread[0, 0] > 0:
        return abs(float(gap[0])) / sqrt(float(spread[0, 0]))
    return sqrt(max(float(gap @ np.linalg.pinv(spread, hermitian=True) @ gap), 0.0))


def mean_distance(one: Moments, other: Moments) -> float:
    """Return the standardised difference of two means."""
    spread = sqrt((one[2] + other[2]) / 2)
    return float((one[1] - other[1]) / spread) if spread > 0 else 0.0
