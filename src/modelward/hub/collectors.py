"""What takes the answers of one round as they arrive, in any order.

    Updates          one exact weighted sum of all updates
    RobustUpdates    every update, until a rule has made one of them
    Sums             exact sums of statistics and counts

Sums of updates apart by steps or by age are by_steps.py's and buffered.py's; what is made of
what was collected is strategy.py's.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate.fixed_point import UpdateSum, exact_sum
from modelward.aggregate.robust import Rows, compared, relative_distances, robust_mean
from modelward.core.study import Robust, Study
from modelward.core.task import TaskKind
from modelward.core.tensors import FlatF32, Tensors
from modelward.core.verdict import Release
from modelward.errors import BadUpdate
from modelward.gate.uplink import plain_update
from modelward.privacy.masks import words
from modelward.privacy.masks.coded import Code
from modelward.privacy.masks.grid import Words
from modelward.study.answers import answer_to


class Collector(Protocol):
    """Takes the answers of one round as they arrive, in any order."""

    def add(self, release: Release) -> None:
        """Add one site's answer; nothing of it needs to be kept afterwards."""
        ...


@runtime_checkable
class Summed(Protocol):
    """What takes the sum of a round that was made behind masks."""

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take sums over groups of sites, by group, in place of their answers.

        Raises:
            BadUpdate: If one is no sum of proper answers, as when a mask is left in it.
        """
        ...

    @property
    def patients(self) -> int:
        """Units behind what was added."""
        ...


class Combined(Protocol):
    """Updates of one round on their way to one."""

    def add(self, release: Release) -> None:
        """Add one update."""
        ...

    def mean(self) -> FlatF32:
        """Return what everything added comes to, for the caller to change; ask once."""
        ...

    def deviations(self) -> dict[str, float]:
        """Return how far each site's update lies from the others; empty if that is not seen."""
        ...


class Updates:
    """Running sum of updates, weighted by patients; one int64 vector, however many sites.

    Source: McMahan et al. 2017, arXiv:1602.05629, Algorithm 1.

    Attributes:
        clipped: Values of coded updates behind masks that were cut to the study's range.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._schema = study, answer_to(study, "train")[1]
        self._sum, self._code = UpdateSum(self._schema.size), Code.of(study, "train")
        self.clipped = 0

    def add(self, release: Release) -> None:
        """Add one update.

        Raises:
            BadUpdate: If it is off the grid or out of range.
        """
        tensors, patients = release.artifact.tensors, release.artifact.card.patients
        if self._study.plan.uplink is None:  # added where it lies, without joining it
            parts = [tensors[spec.name].reshape(-1) for spec in self._schema]
            self._sum.add_parts(parts, patients)
        else:
            self._sum.add(plain_update(self._study, tensors), patients)

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take sums that were made behind masks; see `Summed`."""
        total = words.read_updates(totals.values(), self._code)
        self._sum, self.clipped = UpdateSum.of(total.values, total.weight), total.clipped

    @property
    def patients(self) -> int:
        """Units behind what was added."""
        return self._sum.weight

    def mean(self) -> FlatF32:
        """Return the mean update of everything added; the sum is used up."""
        return self._sum.take_mean()

    def deviations(self) -> dict[str, float]:
        """Return nothing: only the sum is kept."""
        return {}


class RobustUpdates:
    """All updates of a round, until a rule has made one of them (aggregate/robust.py).

    Holds one vector per site, or per group of sites where these are summed behind masks.

    Attributes:
        patients: Units behind the groups; 0 where answers are open, whose cards say it.
        clipped: As `Updates` has it.
    """

    def __init__(self, study: Study, choice: Robust) -> None:
        self._study, self._choice = study, choice
        self._flats: dict[str, FlatF32] = {}
        self._code = Code.of(study, "train")
        self.patients = self.clipped = 0

    def add(self, release: Release) -> None:
        """Add one update; how many patients are behind it makes no difference.

        Raises:
            BadUpdate: If it is not finite.
        """
        flat = plain_update(self._study, release.artifact.tensors)
        if not np.isfinite(flat).all():
            raise BadUpdate(
                f"the update of {release.site} is not finite",
                why="no rule can tell how far it lies from the others",
                remedy="its gate should have refused it: ask its operator",
            )
        self._flats[release.site] = flat

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take the mean update of each group for that of one site; see `Summed`."""
        for group, total in totals.items():
            found = words.read_updates([total], self._code)
            self._flats[group] = UpdateSum.of(found.values, found.weight).mean()
            self.patients += found.weight
            self.clipped += found.clipped

    def mean(self) -> FlatF32:
        """Return what the rule makes of the updates."""
        return robust_mean(self._rows(), self._choice)

    def deviations(self) -> dict[str, float]:
        """Return each site's distance from the combined update, in medians of it."""
        far = relative_distances(compared(self._rows(), self._choice), self.mean())
        return dict(zip(sorted(self._flats), map(float, far), strict=True))

    def _rows(self) -> Rows:
        return np.stack([self._flats[site] for site in sorted(self._flats)])


class Sums:
    """Exact sums of statistics and counts.

    Args:
        study: The study.
        kind: What sites were asked.
    """

    def __init__(self, study: Study, kind: TaskKind) -> None:
        self._schema = answer_to(study, kind)[1]
        self._parts: list[Tensors] = []
        self.by_site: dict[str, Tensors] = {}
        self._total: dict[str, NDArray[np.float64]] | None = None
        self.patients = 0

    def add(self, release: Release) -> None:
        """Add one site's sums.

        Raises:
            BadUpdate: If a value is off the grid.
        """
        exact_sum([release.artifact.tensors])
        self._parts.append(release.artifact.tensors)
        self.by_site[release.site] = release.artifact.tensors
        self.patients += release.artifact.card.patients

    def add_totals(self, totals: Mapping[str, Words]) -> None:
        """Take sums that were made behind masks; see `Summed`."""
        self._total, self.patients = words.read_sums(words.added(totals), self._schema)

    def totals(self) -> dict[str, NDArray[np.float64]]:
        """Return the sums over everything added."""
        return exact_sum(self._parts) if self._total is None else self._total
