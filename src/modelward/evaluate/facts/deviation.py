"""Whose updates lie far from the others, how far, and since when.

Distances are in medians over the sites of the round, as hub/strategy.py notes them. A site
beyond `LIMIT` is shown to people and nothing else happens to it: a hospital with other
patients lies further out than the rest, and only its operators can tell it from an attack.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LIMIT = 3.0
"""Medians beyond which a round of a site is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """How far one site's updates lay from what was made of all of them.

    Attributes:
        rounds: Rounds it took part in.
        typical: Median over them.
        farthest: Largest of them.
        beyond: Rounds above `LIMIT`.
        since: First round of the stretch above `LIMIT` that lasts to the end; None if it ended
            within the limit.
    """

    rounds: int
    typical: float
    farthest: float
    beyond: int
    since: int | None


def deviations(history: Sequence[Mapping[str, float]]) -> dict[str, Deviation]:
    """Return what the rounds say of each site, by name.

    Args:
        history: Distance of each site that took part, round by round from round 1.
    """
    sites = sorted({site for distances in history for site in distances})
    return {site: _one([each.get(site) for each in history]) for site in sites}


def _one(values: Sequence[float | None]) -> Deviation:
    known = [(number, far) for number, far in enumerate(values, 1) if far is not None]
    since = None
    for number, far in reversed(known):
        if far <= LIMIT:
            break
        since = number
    found = np.array([far for _, far in known])
    return Deviation(
        rounds=len(known),
        typical=float(np.median(found)),
        farthest=float(found.max()),
        beyond=int((found > LIMIT).sum()),
        since=since,
    )
