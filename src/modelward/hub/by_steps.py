"""Sums of updates by the number of local steps behind them, for strategies that need it.

The number follows from the signed plan and the patients on a site's card, so nothing else has
to leave a site. Updates of equal steps are summed exactly, and the few sums are combined in
the order of their steps: who answered first changes no bit. Who needs it is averaging.py's.
"""

from collections.abc import Mapping
from math import ceil

from modelward.aggregate.fixed_point import UpdateSum
from modelward.core.study import Study
from modelward.core.tensors import FlatF32
from modelward.core.verdict import Release
from modelward.hub.apart import Apart
from modelward.privacy.masks import grid, words
from modelward.privacy.masks.grid import Words
from modelward.privacy.plan import plan_of


class UpdatesBySteps:
    """Running sums of updates, one for each number of local steps.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._apart = study, Apart(study)

    def add(self, release: Release) -> None:
        """Add one update.

        Raises:
            BadUpdate: If it is off the grid or out of range.
        """
        self._apart.add(release, steps_of(self._study, release.artifact.card.patients))

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take sums that were made behind masks, where all sites make equally many steps."""
        total = words.added(totals)
        self._apart.sums = {steps_of(self._study, 1): UpdateSum.of(*grid.read_update(total))}

    @property
    def patients(self) -> int:
        """Units behind what was added."""
        return self._apart.patients

    def means(self) -> dict[int, tuple[FlatF32, int]]:
        """Return steps -> mean update and patients of the sites that made as many."""
        sums = self._apart.sums
        return {steps: (each.mean(), each.weight) for steps, each in sums.items()}

    def mean(self) -> FlatF32:
        """Return the mean over everything added."""
        whole = self._apart.empty()
        for each in self._apart.sums.values():
            whole.merge(each)
        return whole.mean()

    def deviations(self) -> dict[str, float]:
        """Return nothing: only sums are kept."""
        return {}


def steps_of(study: Study, patients: int) -> int:
    """Return the local steps of a site with this many training units in one round."""
    if study.privacy.dp is not None:
        return plan_of(study).training.steps
    plan = study.plan
    fixed = plan.local.steps if plan.local else None
    return fixed or plan.local_epochs * ceil(patients / plan.batch)
