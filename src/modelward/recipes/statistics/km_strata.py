"""Kaplan-Meier curves with a log-rank test stratified by site: version 2 of `km`.

Hospitals differ in survival whatever the group, so a test over all of them compares groups
within each: every site is a stratum, and `strata` splits it further, as in cox.py. A site sums
observed minus expected events, and their variance, over its strata, from exact times
(log_rank.py); sums over sites are those of the stratified test of all rows, behind masks too.

Curves, cells and hidden groups are those of version 1 (km.py). Units of a group that a site
hides are in neither.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modelward.core.columns import columns
from modelward.core.counted import Reading
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.recipes.analysis import Heard, Named, Observed, choice_faults, codes_of
from modelward.recipes.statistics import km
from modelward.recipes.statistics.log_rank import of_times


class Options(km.Options):
    """`[recipe.options]` of `km`, version 2."""

    strata: str = Field(
        default="", description="Category or boolean feature that splits each site's stratum."
    )


class StratifiedKm:
    """The recipe `km`, version 2.

    Attributes:
        curves: Version 1, which counts what curves are drawn from.
    """

    name = "km"
    version = 2

    def __init__(self, options: Options) -> None:
        self.options = options
        self.curves = km.Km(km.Options(**options.model_dump(exclude={"strata"})))

    def faults(self, study: Study) -> list[Fault]:
        """Return what does not fit: as in version 1, no groups to compare, or the strata."""
        found = self.curves.faults(study)
        if not self.options.by:
            says = "is missing: version 2 compares groups; version 1 draws a single curve"
            found.append(Fault("recipe.options.by", says))
        elif self.options.by == self.options.strata:
            found.append(Fault("recipe.options.strata", "is the feature of the groups itself"))
        return found + choice_faults(study, "strata", self.options.strata or None)

    def state(self, study: Study) -> Schema:
        """Return the counts and the sums of the test over all sites."""
        return Schema.of(*self.curves.state(study), *self._tested(study))

    def asked(self, study: Study) -> Schema:
        """Return what version 1 asks, and the sums of the test."""
        return Schema.of(*self.curves.asked(study), *self._tested(study))

    def counted(self, study: Study, answer: Tensors, units: int) -> Reading:
        """Return how an answer is read; see recipes/analysis.py."""
        curves = self.curves.counted(study, answer, units)
        gap, spread = answer["gap"], answer["spread"]
        hidden, events = answer["hidden"] != 0, answer["events"].sum()
        room = 1e-6 * (1 + units)  # sums are on a grid
        good = np.abs(gap).max() <= events + room and abs(gap.sum()) <= room
        good &= np.abs(spread - spread.T).max() <= room
        good &= np.abs(spread.sum(axis=1)).max() <= room
        good &= bool((np.diag(spread) >= -room).all()) and np.trace(spread) <= events + room
        wrong = curves.wrong
        if not good:
            wrong += ("sums of a log-rank test that no patients add up to",)
        if gap[hidden].any() or spread[hidden].any():
            wrong += ("groups are tested that are said to be hidden",)
        return Reading(curves.tables, frozenset(answer), wrong)

    def crossed(self, study: Study) -> tuple[int, ...]:
        """Return the columns of the strata; see recipes/analysis.py."""
        listed = enumerate(columns(study))
        return tuple(n for n, column in listed if column.feature == self.options.strata)

    def local(self, study: Study, state: Tensors, train: Observed, held: Observed) -> Named:
        """Return a site's counts, and its sums of the test; see recipes/analysis.py."""
        counted = self.curves.local(study, state, train, held)
        groups = len(self.curves.groups(study))
        code = codes_of(study, self.options.by, train.raw)
        shown = (code >= 0) & (counted["hidden"][code] == 0)
        stratum = np.zeros(len(code), np.int64)
        if self.options.strata:
            stratum = codes_of(study, self.options.strata, train.raw)
        gap, spread = np.zeros(groups), np.zeros((groups, groups))
        for each in np.unique(stratum[shown]):
            own = shown & (stratum == each)
            found = of_times(train.measured[own], train.y[own], code[own], groups)
            gap += found.observed - found.expected
            spread += found.spread
        return {**counted, "gap": gap, "spread": _symmetric(spread)}

    def step(self, study: Study, heard: Heard, state: Tensors) -> Named:
        """Return the state with the counts; see recipes/analysis.py."""
        return self.curves.step(study, heard, state)

    def ended(self, state: Tensors) -> str | None:
        """Return that all is counted, once it is."""
        return self.curves.ended(state)

    def _tested(self, study: Study) -> tuple[TensorSpec, TensorSpec]:
        groups = len(self.curves.groups(study))
        return TensorSpec("gap", "F64", (groups,)), TensorSpec(
            "spread", "F64", (groups, groups)
        )


def _symmetric(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * (table + table.T))
