"""Sums of updates that are kept apart by a number: of local steps, or of a round.

Updates of one number are summed exactly, in any order of arrival. Which number it is, and what
is made of the sums, is by_steps.py's and buffered.py's.
"""

from modelward.aggregate.fixed_point import UpdateSum
from modelward.core.study import Study
from modelward.core.verdict import Release
from modelward.gate.uplink import plain_update
from modelward.study.answers import answer_to


class Apart:
    """Running sums of updates, one for each number.

    Args:
        study: The study.

    Attributes:
        sums: Number -> the sum of its updates.
    """

    def __init__(self, study: Study) -> None:
        self._study, self._size = study, answer_to(study, "train")[1].size
        self.sums: dict[int, UpdateSum] = {}

    def add(self, release: Release, number: int) -> None:
        """Add one update to the sum of `number`.

        Raises:
            BadUpdate: If it is off the grid or out of range.
        """
        total = self.sums.get(number) or self.empty()
        total.add(
            plain_update(self._study, release.artifact.tensors), release.artifact.card.patients
        )
        self.sums[number] = total

    def empty(self) -> UpdateSum:
        """Return a sum of nothing."""
        return UpdateSum(self._size)

    @property
    def patients(self) -> int:
        """Units behind what was added."""
        return sum(each.weight for each in self.sums.values())
