"""Harrell's C as sums: pairs of patients whose order of events the risks predict.

A pair can be compared if the earlier of the two had the event; at equal times, if one had it
and the other was censored then (Harrell et al. 1996). Pairs are of one site, so sums over
sites are of pairs within sites.
"""

import numpy as np
from numpy.typing import NDArray

BLOCK = 512
"""Events compared with all patients at once."""


def pairs(
    risk: NDArray[np.float64], days: NDArray[np.float64], event: NDArray[np.int8]
) -> NDArray[np.float64]:
    """Return the numbers of concordant, discordant and tied pairs, [3].

    Args:
        risk: Higher means earlier, [n].
        days: Follow-up, [n].
        event: 1 where it ended with the event.
    """
    order = np.argsort(days, kind="stable")
    risk, days, dead = risk[order], days[order], event[order] == 1
    found = np.zeros(3)
    who = np.flatnonzero(dead)
    for start in range(0, len(who), BLOCK):
        rows = who[start : start + BLOCK]
        first = int(np.searchsorted(days, days[rows[0]], "left"))
        later, alive, other = days[first:], ~dead[first:], risk[first:]
        here = days[rows][:, None]
        compared = (later > here) | ((later == here) & alive)
        gap = risk[rows][:, None] - other
        found += [
            np.count_nonzero(compared & (gap > 0)),
            np.count_nonzero(compared & (gap < 0)),
            np.count_nonzero(compared & (gap == 0)),
        ]
    return found
