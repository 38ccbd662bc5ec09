"""Figures of outcomes that are more than yes or no: grades, masks, lifetimes.

Every model is judged on one yes/no question first (study/outcome.py); what is here stands
beside that. One `Beyond` is one measure of one model on one group of units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.intervals import DRAWS, bootstrap, by_site, percentile
from modelward.evaluate.patients import Whose
from modelward.evaluate.predictions import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """One measure of one model.

    Attributes:
        measure: Its name, such as `quadratic kappa`.
        of: The level it is about; "" for all together.
        model: As among the findings.
        site: Whose test units; "" for those of all sites together.
        units: Test units behind it; None if too few to be shown.
        estimate: The figure.
        patients: Whose units these are, where a patient has several; None, and no part of the
            file, otherwise.
    """

    measure: str
    of: str
    model: str
    site: str
    units: int | None
    estimate: Estimate
    patients: int | None = None


Measured = Mapping[tuple[str, str], tuple[int, Estimate, int | None]]
"""(measure, level) -> units behind it, figure, and patients where one has several units."""


def named(found: Measured, *, model: str, site: str) -> tuple[Beyond, ...]:
    """Return `found` as findings on one model and group."""
    return tuple(
        Beyond(
            measure=measure,
            of=of,
            model=model,
            site=site,
            units=units,
            estimate=estimate,
            patients=patients,
        )
        for (measure, of), (units, estimate, patients) in found.items()
    )


def hide_few(found: Sequence[Beyond], min_cell: int) -> tuple[Beyond, ...]:
    """Return `found` without figures over fewer than `min_cell` patients.

    Where one site's figure is hidden, its number of units over all sites is hidden too.
    """

    def behind(one: Beyond) -> int:
        return (one.units or 0) if one.patients is None else one.patients

    few = {(one.measure, one.of) for one in found if behind(one) < min_cell}
    nothing = Estimate(None, None, f"not shown: fewer than {min_cell} units behind it")

    def shown(one: Beyond) -> Beyond:
        if behind(one) < min_cell:
            return replace(one, units=None, patients=None, estimate=nothing)
        whole = not one.site and (one.measure, one.of) in few
        return replace(one, units=None, patients=None) if whole else one

    return tuple(shown(one) for one in found)


def mean_of(
    values: Floats,
    site: Sequence[int],
    rng: np.random.Generator,
    owner: Whose | None = None,
) -> Estimate:
    """Return the mean of `values`, with an interval that resamples patients within sites.

    Args:
        values: One of each unit, [n].
        site: Small integers, [n], equal for units of the same site.
        rng: Source of the resamples.
        owner: Patient of every unit, [n]; None where each is its own.
    """
    if not len(values):
        return Estimate(None, None, "no unit has it")
    strata = by_site(np.asarray(site), owner)

    def mean(weights: Floats) -> Floats:
        means: Floats = weights @ values / weights.sum(1)
        return means[:, None]

    drawn = bootstrap(strata, mean, rng, DRAWS, owner)
    return percentile(float(values.mean()), drawn[:, 0], owner)
