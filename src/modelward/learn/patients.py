"""Which rows of the training data are whose, for sums that count patients and not rows.

A bound for patients needs all rows of one together: they are averaged before they are clipped
(dp.py). Rows are handed out in batches of whole patients, so that memory is that of a batch.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from modelward.errors import DataError


class Patients:
    """Which rows belong to whom, for sums that count patients.

    Args:
        owner: Patient of each row, [n], any whole numbers. Where the data have no patient
            key, one number per row; the bound then holds for a row, and the study says so.

    Raises:
        DataError: If there is no row, or `owner` is not a vector of whole numbers.
    """

    def __init__(self, owner: NDArray[np.int64]) -> None:
        if owner.ndim != 1 or not owner.size or owner.dtype.kind not in "iu":
            raise DataError(
                f"patients of rows are {owner.dtype} of shape {owner.shape}",
                why="every row belongs to one patient, named by a whole number",
                remedy="give the dataset a patient column, or count rows and say so",
            )
        self._rows = np.argsort(owner, kind="stable").astype(np.int64)
        _, self._starts, self._counts = np.unique(
            owner[self._rows], return_index=True, return_counts=True
        )

    def __len__(self) -> int:
        return len(self._counts)

    def batches(
        self, who: NDArray[np.int64], most: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield the rows of the patients `who` in batches of whole patients.

        Patients with a single row come first, so that a batch is of one sort; the sum does
        not depend on the order.

        Args:
            who: Places of patients, ascending, [k].
            most: Rows of a batch. A patient with more has a batch alone, of any length.

        Yields:
            Rows, [b], and how many belong to each patient, [m].
        """
        single = self._counts[who] == 1
        alone, several = who[single], who[~single]
        for first in range(0, alone.size, most):
            group = alone[first : first + most]
            yield self._rows[self._starts[group]], np.ones(group.size, np.int64)
        yield from self._of_several(several, most)

    def _of_several(
        self, who: NDArray[np.int64], most: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        first = 0
        counts = self._counts[who]
        while first < who.size:
            reach = np.cumsum(counts[first : first + most])
            taken = max(1, int(np.searchsorted(reach, most, side="right")))
            group = who[first : first + taken]
            rows = [
                self._rows[start : start + count]
                for start, count in zip(self._starts[group], self._counts[group], strict=True)
            ]
            yield np.concatenate(rows), counts[first : first + taken]
            first += taken
