"""What a ComBat study found for all sites together: grand means, kept effects, spreads.

The effects of single sites are not here: each computes its own (site/answering/harmonise.py).
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from modelward.core.columns import columns
from modelward.evaluate.sums.coefficients import state_of
from modelward.recipes.catalogue import analysis
from modelward.recipes.statistics.combat import Combat
from modelward.study.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement over all sites, in its unit.

    Attributes:
        name: The feature.
        mean: Grand mean, where every preserved effect is at its mean.
        spread: Pooled standard deviation within sites, preserved effects taken out.
        effects: Preserved effect -> change for one standard deviation (0 to 1 for the target).
    """

    name: str
    mean: float
    spread: float
    effects: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmonisation:
    """A pooled ComBat fit over `sites` sites and `units` units."""

    sites: int
    units: int
    measurements: tuple[Measurement, ...]


def harmonisation(model: Model) -> Harmonisation | None:
    """Return what a finished `combat` found; None for anything else."""
    made, state = analysis(model.study.recipe), state_of(model)
    if not isinstance(made, Combat) or state["stage"][0] != 1:
        return None
    listed = columns(model.study)
    kept = [listed[place].name for place in made.effects(model.study)]
    kept += [model.study.target_name] if made.options.outcome else []
    found = []
    for k, place in enumerate(made.measured(model.study)):
        center, spread = 0.0, 1.0
        if model.scaling is not None:
            center, spread = (
                float(model.scaling.center[place]),
                float(model.scaling.spread[place]),
            )
        effects = {name: spread * float(state["effects"][q, k]) for q, name in enumerate(kept)}
        found.append(
            Measurement(
                name=listed[place].name,
                mean=center + spread * float(state["alpha"][k]),
                spread=spread * sqrt(float(state["variance"][k])),
                effects=effects,
            )
        )
    units, sites = np.asarray(state["figures"])
    return Harmonisation(sites=int(sites), units=int(units), measurements=tuple(found))
