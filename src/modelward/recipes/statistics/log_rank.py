"""Observed and expected events of groups that share one hazard: the sums of a log-rank test.

At each time t with d events among n at risk, of whom n_g are of group g, the events of a group
are hypergeometric if all groups have one survival function (Mantel 1966; Peto and Peto 1972):

    expected_g = sum of d n_g / n
    spread_gh  = sum of d (n - d) / (n - 1) * n_g / n * ([g = h] - n_h / n)

Strata are summed, so risk sets are never compared over strata (Kalbfleisch and Prentice 2002,
section 1.4). What the sums say, chi-square and p, is evaluate/sums/survival.py's business.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Sums over the times of one stratum, or over strata.

    Attributes:
        observed: Events per group while others were at risk, [G].
        expected: Events if all groups had one survival function, [G].
        spread: Variance of `observed`, [G, G].
    """

    observed: Vector
    expected: Vector
    spread: NDArray[np.float64]


def compared(at_risk: NDArray[np.float64], dead: NDArray[np.float64]) -> Compared:
    """Return the sums of one stratum.

    Args:
        at_risk: Units of each group at the beginning of each time, [G, times].
        dead: Units of each group with the event then, [G, times].
    """
    n, d = at_risk.sum(axis=0), dead.sum(axis=0)
    some = (n > 1) & (d > 0)
    share = at_risk[:, some] / n[some]
    scale = d[some] * (n[some] - d[some]) / (n[some] - 1)
    return Compared(
        observed=dead[:, some].sum(axis=1),
        expected=(share * d[some]).sum(axis=1),
        spread=np.diag((share * scale).sum(axis=1)) - (share * scale) @ share.T,
    )


def of_times(
    days: Vector, event: NDArray[np.int8], group: NDArray[np.int64], groups: int
) -> Compared:
    """Return the sums of one stratum from exact times.

    Args:
        days: Follow-up, [n].
        event: 1 where it ended with the event.
        group: From 0, [n].
        groups: How many there are.
    """
    times, place = np.unique(days[event == 1], return_inverse=True)
    dead = np.zeros((groups, len(times)))
    np.add.at(dead, (group[event == 1], place), 1.0)
    own = [np.sort(days[group == g]) for g in range(groups)]
    risk = [len(each) - np.searchsorted(each, times, "left") for each in own]
    return compared(np.array(risk, np.float64).reshape(groups, len(times)), dead)
