"""Many questions at once: how sure is an answer, when so many were asked?

- `holm`: Holm's step-down adjustment (Holm 1979, Scandinavian Journal of Statistics 6:65).
  Whatever depends on whatever, the probability that any of the differences that it keeps is
  none at all stays below the level.
- `two_sided`: the p value of an estimate over its standard error, by Student's t.
- `by_draws`: the same from the resamples of a bootstrap, for what has no standard error
  (Davison & Hinkley 1997, section 4.4, with one added to both counts).

A p value is asked for by the adjustment only. What a reader is shown is the difference with its
interval, and whether it is still there after the adjustment.
"""

from collections.abc import Mapping
from math import erfc, sqrt

import numpy as np

from modelward.evaluate.estimate import LEVEL, MANY_FREEDOMS
from modelward.evaluate.predictions import Floats

ALPHA = 1 - LEVEL
"""Probability with which any kept difference may be none."""


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Return the adjusted p value of each question, by name; at most 1.

    Args:
        p: Question -> p value, 0 to 1.
    """
    ordered = sorted(p, key=lambda name: (p[name], name))
    adjusted, highest = dict[str, float](), 0.0
    for place, name in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - place) * p[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p}


def two_sided(value: float, error: float, freedom: float = MANY_FREEDOMS) -> float:
    """Return the two-sided p value of `value` with standard error `error`.

    The integral of t's density is the one of estimate.t_quantile, within 1e-6.

    Args:
        value: The estimate; the question is whether it is 0.
        error: At least 0. With none, the p value is 1 if the value is 0, else 0.
        freedom: Degrees of freedom, at least 1; normal from 10,000 on.
    """
    if error <= 0:
        return 0.0 if value else 1.0
    ratio = abs(value) / error
    if freedom >= MANY_FREEDOMS:
        return erfc(ratio / sqrt(2))
    angle = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(angle) ** (freedom - 1)
    within = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    reached = np.interp(np.arctan(ratio / sqrt(freedom)), angle, within / within[-1])
    return float(1 - reached)


def by_draws(drawn: Floats) -> float:
    """Return the two-sided p value that a difference is 0, from its resamples, (draws,)."""
    finite = drawn[np.isfinite(drawn)]
    if not finite.size:
        return 1.0
    fewer = min(int((finite <= 0).sum()), int((finite >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (finite.size + 1))
