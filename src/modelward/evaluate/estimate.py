"""A number, how sure we are of it, and in which words it is qualified.

`Estimate` is what every table of a report is made of. An interval always names its method;
where there is no interval, or no value, a note says why. The two quantiles that intervals
need are here, so that nothing in this folder needs more than numpy.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

LEVEL = 0.95
"""Coverage that every interval in modelward aims for."""

Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
"""Standard normal quantile of a two-sided interval, 1.95996."""

MANY_FREEDOMS = 10_000
"""From here on Student's t is taken for normal."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided 95 % interval.

    Attributes:
        low: Lower end.
        high: Upper end; at least `low`.
        method: How it was computed, in words fit for a table note.
    """

    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One figure of one model on one group of units.

    Attributes:
        value: The figure, or None where it has no meaning.
        interval: Its 95 % interval, or None.
        note: Why value or interval are missing, or what weakens them; "" if nothing does.
    """

    value: float | None
    interval: Interval | None = None
    note: str = ""


def wilson(hits: float, trials: float) -> Interval:
    """Return Wilson's score interval of a proportion (Wilson 1927; Brown et al. 2001).

    Args:
        hits: Successes, 0 to `trials`; whole, unless units are several of one patient.
        trials: At least 1.
    """
    share, z2 = hits / trials, Z * Z
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z / (1 + z2 / trials) * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == trials else centre + half
    return Interval(low, high, "Wilson")


def proportion(hits: int, trials: int, *, empty: str) -> Estimate:
    """Return a proportion with Wilson's interval, or the note `empty` if nobody was tried."""
    if trials == 0:
        return Estimate(None, None, empty)
    return Estimate(hits / trials, wilson(hits, trials))


def t_quantile(freedom: float) -> float:
    """Return the 0.975 quantile of Student's t distribution, within 1e-4.

    With t = sqrt(v) tan(a) the density becomes cos(a)^(v-1), so the share of probability
    within +-a is a ratio of two integrals (Abramowitz & Stegun 26.7, substituted), summed
    here by the trapezium rule.

    Args:
        freedom: Degrees of freedom v, at least 1; need not be whole. From 10,000 upwards
            the normal quantile is returned, which is 3e-4 smaller.
    """
    if freedom >= MANY_FREEDOMS:
        return Z
    angle = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(angle) ** (freedom - 1)
    within = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    reached = np.interp(LEVEL, within / within[-1], angle)
    return float(np.sqrt(freedom) * np.tan(reached))
