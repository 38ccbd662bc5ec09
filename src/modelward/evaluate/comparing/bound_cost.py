"""What a privacy bound costs: the model with it minus the same study's without, group by group.

Noise and clipping take most from those of whom there are few (Bagdasaryan, Poursaeed and
Shmatikov 2019, arXiv:1905.12101), so a loss is told for every hospital and every level of a
group, and the largest one is named. AUC on the same test units, paired DeLong; p values are
adjusted over all lines that are shown (Holm). Cells that subgroups.py hides are hidden here.

An interval is about other test units of the same kind. It is not about other noise: another
run of the same study would draw other noise, and lose more or less.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelward.evaluate.comparing.compare import chance, compare
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.groups.subgroups import EVERYWHERE, FEWEST, Divided, hidden, shown
from modelward.evaluate.measures.multiplicity import ALPHA, holm
from modelward.evaluate.predictions import Predictions, part, union

EVERYBODY = ""
"""Name of the group, and of the level, that holds all units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The two models on the same units.

    Attributes:
        group: Name of the group; "" for everybody.
        level: Name of the level; "" for everybody.
        site: Whose units; "" for those of all sites.
        units: How many; None where the cell is hidden, and then nothing else is told.
        positives: Those whose outcome happened.
        bounded: AUC of the model with the bound.
        free: AUC of the model without.
        difference: bounded minus free, paired; below 0 the bound costs.
        adjusted: p value after Holm's adjustment over all lines; None if it has none.
    """

    group: str
    level: str
    site: str
    units: int | None
    positives: int | None
    bounded: float | None
    free: float | None
    difference: Estimate
    adjusted: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the difference is more than chance."""
        return self.adjusted is not None and self.adjusted < ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCost:
    """What a bound costs in a run.

    Attributes:
        model: SHA-256 of the model without a bound.
        losses: Everybody first, then hospitals, then levels, then levels by hospital.
        fewest: Smallest cell of a group that is shown.
    """

    model: str
    losses: tuple[Loss, ...]
    fewest: int = FEWEST


def bound_cost(
    model: str,
    bounded: Mapping[str, Predictions],
    free: Mapping[str, Predictions],
    divisions: Sequence[Divided],
    fewest: int = FEWEST,
) -> BoundCost:
    """Return what the bound costs everybody, every hospital, and every level.

    Args:
        model: SHA-256 of the model without a bound.
        bounded: Site -> what the study's model says of its test units, in the order shown.
        free: The same of the model without a bound, on the same units.
        divisions: The groups of test units.
        fewest: Smallest cell of a group that is shown.

    Raises:
        DataError: If the two were judged on different units.
    """
    both = {site: (bounded[site], free[site]) for site in bounded}
    whole = (union([one for one, _ in both.values()]), union([two for _, two in both.values()]))
    found = [_compared(EVERYBODY, EVERYBODY, EVERYWHERE, whole)]
    found += [_compared(EVERYBODY, EVERYBODY, site, pair) for site, pair in both.items()]
    by_level = [each for divided in divisions for each in _levels(divided, both, whole, fewest)]
    found += [each for each in by_level if each[0].site == EVERYWHERE]
    found += [each for each in by_level if each[0].site != EVERYWHERE]
    adjusted = holm({str(n): p for n, (_, p) in enumerate(found) if p is not None})
    losses = tuple(
        replace(loss, adjusted=adjusted.get(str(n))) for n, (loss, _) in enumerate(found)
    )
    return BoundCost(model=model, losses=losses, fewest=fewest)


def worst(losses: Sequence[Loss], *, by: str) -> Loss | None:
    """Return the largest loss among levels over all sites, or among hospitals.

    Args:
        losses: Of a run.
        by: `level` or `site`.
    """
    chosen = [
        one
        for one in losses
        if (one.group != EVERYBODY) == (by == "level")
        and (one.site == EVERYWHERE) == (by == "level")
        and one.difference.value is not None
    ]
    return min(
        chosen,
        key=lambda one: (one.difference.value or 0.0, one.group, one.level, one.site),
        default=None,
    )


Pair = tuple[Predictions, Predictions]


def _levels(
    divided: Divided, both: Mapping[str, Pair], whole: Pair, fewest: int
) -> Iterator[tuple[Loss, float | None]]:
    """Yield every level of a group: everywhere first, then site by site."""
    told = shown(divided, [(site, one) for site, (one, _) in both.items()], fewest)
    everywhere = np.concatenate([divided.members[site] for site in both])
    places = [(EVERYWHERE, whole, everywhere, told[-1])]
    places += [
        (site, pair, divided.members[site], told[n])
        for n, (site, pair) in enumerate(both.items())
    ]
    for site, pair, levels, visible in places:
        for level, name in enumerate(divided.levels):
            if visible[level]:
                here = (part(pair[0], levels == level), part(pair[1], levels == level))
                yield _compared(divided.name, name, site, here)
            else:
                yield _untold(divided, site, level, fewest), None


def _compared(group: str, level: str, site: str, pair: Pair) -> tuple[Loss, float | None]:
    """Return one line and its p value; AUC needs no resamples."""
    bounded, free = pair
    rng = np.random.default_rng(0)
    found = compare("auc", bounded, free, rng)
    loss = Loss(
        group=group,
        level=level,
        site=site,
        units=len(bounded),
        positives=bounded.positives,
        bounded=found.first,
        free=found.second,
        difference=found.difference,
    )
    return loss, chance("auc", bounded, free, rng)


def _untold(divided: Divided, site: str, level: int, fewest: int) -> Loss:
    return Loss(
        group=divided.name,
        level=divided.levels[level],
        site=site,
        units=None,
        positives=None,
        bounded=None,
        free=None,
        difference=hidden(fewest),
    )
