"""Thousands of refits of one calibration line, by a series about the line of the data.

A resample weighs the units of the data anew, so its line lies close to theirs. The equations
that a refit solves (calibration.py),

    sum_i w_i (y_i - s(eta_i + u_i)) (1, z_i) = 0,      u_i = a + b z_i,

are expanded about eta, the line of the data, where a = b = 0:

    s(eta + u) = s(eta) + s'(eta) u + ... + s^(K)(eta) u^K / K! + rest.

All that they need to know of a resample are sums of w_i s^(k)(eta_i) z_i^j / k!, so one matrix
product serves all resamples, where Newton's method passes over every unit for every step of
every one. z is the logit, centred and scaled so that the information of the line is the unit
matrix.

How far the rest moves a line is bounded for each resample, and only those that it moves by
less than `CLOSE` are told as found; the others are newton.py's. With ten thousands of units
that is hardly any, with hundreds most.
"""

from dataclasses import dataclass
from math import comb, factorial

import numpy as np
from numpy.polynomial import Polynomial

from modelward.evaluate.measures.newton import sigmoid
from modelward.evaluate.predictions import Booleans, Floats

ORDER = 5
"""K, the last power of u that is kept."""

CLOSE = 1e-6
"""Most that leaving out the rest may move a slope or an intercept."""

MOST_STEPS = 12
LONGEST = 0.5
"""A step longer than this is cut; whoever needs several is beyond the series."""

NEAR = 0.1
"""Lines that the rest moves by more than this are no better to go on from than the data's."""

SETTLED = 1e-12
"""Steps on sums cost nothing, so they go on to rounding."""

_SLOPE = Polynomial([0.0, 1.0, -1.0])
"""s' = s - s^2, as a polynomial of s."""


def _derivatives() -> tuple[Polynomial, ...]:
    """Return s, s', ..., s^(K+1) as polynomials of s, by the chain rule."""
    found = [Polynomial([0.0, 1.0])]
    for _ in range(ORDER + 1):
        found.append(found[-1].deriv() * _SLOPE)
    return tuple(found)


DERIVATIVES = _derivatives()

STEEP = 1.82
"""Largest |s^(K+1)| / s', rounded up."""


@dataclass(frozen=True, slots=True, eq=False)
class Expanded:
    """The equations of one model's line on one group of units, about the line of the data.

    Attributes:
        columns: Shape (n, sums); resamples times these are what `refit` takes.
        start: Intercept and slope of the data.
        centre: z is (logit - centre) / spread.
        spread: In logits.
        tails: Means of |z|^0, |z|^1, ..., by information.
        farthest: Largest |z|.
    """

    columns: Floats
    start: Floats
    centre: float
    spread: float
    tails: Floats
    farthest: float


def expand(logit: Floats, y: Floats, start: Floats) -> Expanded:
    """Return the equations about the line of the data.

    Args:
        logit: Shape (n,); logits of the predicted probabilities, not all equal.
        y: Shape (n,); outcomes, 0 or 1.
        start: Shape (2,); intercept and slope of the data, finite.
    """
    s = sigmoid(start[0] + start[1] * logit)
    information = np.maximum(_SLOPE(s), np.finfo(np.float64).tiny)
    share = information / information.sum()
    centre = float(share @ logit)
    spread = max(float(np.sqrt(share @ (logit - centre) ** 2)), np.finfo(np.float64).tiny)
    z = (logit - centre) / spread
    powers = [np.ones_like(z)]
    for _ in range(ORDER + 1):
        powers.append(powers[-1] * z)
    columns = [(y - s) * powers[j] for j in range(2)]
    for k in range(1, ORDER + 1):
        terms = DERIVATIVES[k](s) / factorial(k)
        columns += [terms * powers[j] for j in range(k + 2)]
    far = np.abs(z)
    tails = np.array([float(share @ far**j) for j in range(ORDER + 3)])
    return Expanded(
        np.column_stack(columns), np.array(start), centre, spread, tails, float(far.max())
    )


def refit(about: Expanded, sums: Floats) -> tuple[Floats, Booleans]:
    """Return intercept and slope of every resample, and which of them are close enough.

    Args:
        about: The equations.
        sums: Shape (resamples, sums); weights times `about.columns`.

    Returns:
        Shape (resamples, 2), that of the data where the series is of no use; (resamples,).
    """
    at = np.zeros((len(sums), 2))
    step = np.zeros_like(at)
    with np.errstate(all="ignore"):  # what leaves the series' reach is found out below
        for _ in range(MOST_STEPS):
            step = _step(sums, at)
            at = at + step
            if not (np.abs(step) > SETTLED).any():
                break
        reach = _rest(about, at)
        sure = (np.abs(step).max(axis=1) <= CLOSE) & (reach <= CLOSE)
    at[~(reach <= NEAR)] = 0.0
    slope = about.start[1] + at[:, 1] / about.spread
    intercept = about.start[0] + at[:, 0] - at[:, 1] * about.centre / about.spread
    return np.column_stack([intercept, slope]), sure


def _step(sums: Floats, at: Floats) -> Floats:
    """Return a Newton step on the series, from (a, b) of every resample."""
    a, b = at.T
    g0, g1 = sums[:, 0].copy(), sums[:, 1].copy()
    h00, h01, h11 = np.zeros((3, len(sums)))
    first = 2
    for k in range(1, ORDER + 1):
        of = sums[:, first : first + k + 2].T
        for j in range(k + 1):
            term = comb(k, j) * a ** (k - j) * b**j
            g0 -= term * of[j]
            g1 -= term * of[j + 1]
        for j in range(k):
            term = k * comb(k - 1, j) * a ** (k - 1 - j) * b**j
            h00 += term * of[j]
            h01 += term * of[j + 1]
            h11 += term * of[j + 2]
        first += k + 2
    determinant = h00 * h11 - h01 * h01
    step = np.column_stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0])
    limited: Floats = np.clip(step / determinant[:, None], -LONGEST, LONGEST)
    return limited


def _rest(about: Expanded, at: Floats) -> Floats:
    """Return how far the rest moves each line at most, in slope and intercept together.

    |rest| <= STEEP s'(eta) e^|u| |u|^(K+1) / (K+1)!, because s' changes by no more than a
    factor e^|u| over a distance |u|. Its sum is taken over the data; a resample's differs from
    that by the few per cent by which its information does.
    """
    a, b = np.abs(at).T
    moved = np.zeros((2, len(at)))
    for j in range(ORDER + 2):
        term = comb(ORDER + 1, j) * a ** (ORDER + 1 - j) * b**j
        moved += term * about.tails[j : j + 2, None]
    moved *= STEEP * np.exp(a + b * about.farthest) / factorial(ORDER + 1)
    of_slope = (1 + abs(about.centre)) / about.spread
    reach: Floats = moved[0] + of_slope * moved[1]
    return reach


def expand_alone(logit: Floats, y: Floats, start: float) -> Floats:
    """Return the columns for an intercept at slope 1, about that of the data, (n, K + 1)."""
    s = sigmoid(start + logit)
    terms = [DERIVATIVES[k](s) / factorial(k) for k in range(1, ORDER + 1)]
    return np.column_stack([y - s, *terms])


def refit_alone(sums: Floats, start: float) -> tuple[Floats, Booleans]:
    """Return the intercept at slope 1 of every resample, and which are close enough.

    Args:
        sums: Shape (resamples, K + 1); weights times the columns of `expand_alone`.
        start: The intercept of the data.
    """
    a, step = np.zeros((2, len(sums)))
    with np.errstate(all="ignore"):
        for _ in range(MOST_STEPS):
            left = sums[:, 0] - sum(sums[:, k] * a**k for k in range(1, ORDER + 1))
            slope = sum(k * sums[:, k] * a ** (k - 1) for k in range(1, ORDER + 1))
            step = np.clip(left / slope, -LONGEST, LONGEST)
            a = a + step
            if not (np.abs(step) > SETTLED).any():
                break
        far = np.abs(a)
        reach = STEEP * np.exp(far) * far ** (ORDER + 1) / factorial(ORDER + 1)
        sure = (np.abs(step) <= CLOSE) & (reach <= CLOSE)
    a[~(reach <= NEAR)] = 0.0
    return start + a, sure
