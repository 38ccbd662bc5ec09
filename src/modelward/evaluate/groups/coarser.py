"""Which coarser bands of a group would be shown, where the signed ones are too small.

A level is hidden where a cell of site x level x outcome has too few units, or where it covers
one that has (subgroups.py). Bands of a number can be wider: the hidden band with the fewest
units is joined to its smaller neighbour, until every band is shown or two are left. What comes
of it is a suggestion for the next version of the study, which is judged by the signed groups
until then. It tells that a joined band holds enough units; no count of anybody.

Only a machine that has all test units can tell: a simulation, not a hub.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.groups.subgroups import FEWEST, Divided, shown
from modelward.evaluate.predictions import Predictions

FEWEST_BANDS = 2
"""A group with one level compares nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coarser:
    """Wider bands of one group.

    Attributes:
        group: Its name.
        edges: Of the wider bands, rising, one more than bands; empty where no wider ones would
            show more.
        told: Rows that they would show, of levels everywhere and by site.
        rows: All rows that they would have.
    """

    group: str
    edges: tuple[float, ...]
    told: int
    rows: int


def coarser(
    divisions: Sequence[Divided],
    by_site: Sequence[tuple[str, Predictions]],
    fewest: int = FEWEST,
) -> tuple[Coarser, ...]:
    """Return wider bands of every group of bands that is not wholly shown.

    Args:
        divisions: The groups; those without edges are no bands.
        by_site: Site and the model's predictions on its test units.
        fewest: Smallest cell shown.
    """
    return tuple(
        found
        for divided in divisions
        if divided.edges and (found := _wider(divided, by_site, fewest)) is not None
    )


def _wider(
    divided: Divided, by_site: Sequence[tuple[str, Predictions]], fewest: int
) -> Coarser | None:
    """Return the first bands that are shown most; None where all are shown as they are."""
    visible = shown(divided, by_site, fewest)
    if visible.all():
        return None
    best, most = None, float(visible.mean())
    while len(divided.levels) > FEWEST_BANDS and not visible.all():
        divided = _joined(divided, visible)
        visible = shown(divided, by_site, fewest)
        if visible[-1].all() and visible.mean() > most:
            best, most = _of(divided, visible), float(visible.mean())
    return best or Coarser(group=divided.name, edges=(), told=0, rows=visible.size)


def _of(divided: Divided, visible: NDArray[np.bool_]) -> Coarser:
    return Coarser(
        group=divided.name,
        edges=divided.edges,
        told=int(visible.sum()),
        rows=visible.size,
    )


def _joined(divided: Divided, visible: NDArray[np.bool_]) -> Divided:
    """Return the bands with the smallest of those hidden most often joined to a neighbour."""
    bands = len(divided.levels)
    whole = np.concatenate([divided.members[site] for site in divided.members])
    units = np.bincount(whole[whole >= 0], minlength=bands)
    hidden = (~visible).sum(axis=0)
    weakest = min(range(bands), key=lambda n: (-hidden[n], units[n], n))
    beside = [n for n in (weakest - 1, weakest + 1) if 0 <= n < bands]
    first = min(weakest, min(beside, key=lambda n: (units[n], n)))
    return replace(
        divided,
        levels=divided.levels[:first] + divided.levels[first + 1 :],
        members={
            site: np.where(level > first, level - 1, level)
            for site, level in divided.members.items()
        },
        edges=divided.edges[: first + 1] + divided.edges[first + 2 :],
    )
