"""What is judged: the probabilities of one model beside what really happened.

Everything in this folder works on `Predictions`. They are rows of patients, so they live
where the rows live; what goes into a report is numbers over them (findings.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modelward.errors import DataError

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

FEWEST_IN_STRATUM = 5
"""Units of one outcome below which a site is not split by outcome for resampling."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """One model's probabilities for test units, in the order of the test fold.

    Build one with `of`, join several sites with `union`.

    Attributes:
        outcome: Shape (n,); True where the outcome happened.
        probability: Shape (n,); predicted probability of the outcome, 0 to 1.
        site: Shape (n,); small integers, equal for units of the same site.
    """

    outcome: Booleans
    probability: Floats
    site: NDArray[np.intp]

    @classmethod
    def of(cls, outcome: ArrayLike, probability: ArrayLike) -> Self:
        """Return the checked predictions of one site.

        Args:
            outcome: n values, each 0 or 1 (or False or True).
            probability: n values from 0 to 1.

        Raises:
            DataError: If lengths differ, there is nothing to judge, an outcome is neither 0
                nor 1, or a probability is not a number from 0 to 1.
        """
        y, p = np.asarray(outcome), np.asarray(probability, np.float64)
        if y.shape != p.shape or y.ndim != 1 or y.size == 0:
            raise DataError(
                f"outcomes have shape {y.shape} and probabilities {p.shape}",
                why="each test unit needs one outcome and one probability",
                remedy="pass two vectors of equal length, with at least one unit",
            )
        if not np.isin(y, (0, 1)).all():
            raise DataError(
                "an outcome is neither 0 nor 1",
                why="the figures here are for yes/no outcomes",
                remedy="recode the outcome, and drop units whose outcome is unknown",
            )
        if not ((p >= 0) & (p <= 1)).all():
            raise DataError(
                "a predicted probability is not a number from 0 to 1",
                why="calibration and the threshold of 0.5 have no meaning for raw scores",
                remedy="apply the sigmoid to logits; look for NaN in the inputs of the model",
            )
        return cls(y.astype(bool), p, np.zeros(y.size, np.intp))

    def __len__(self) -> int:
        return int(self.outcome.size)

    @property
    def positives(self) -> int:
        """Units whose outcome happened."""
        return int(np.count_nonzero(self.outcome))

    @property
    def negatives(self) -> int:
        """Units whose outcome did not happen."""
        return len(self) - self.positives

    @property
    def smaller_class(self) -> int:
        """Units in the rarer of the two outcomes; 0 if all have the same."""
        return min(self.positives, self.negatives)

    @property
    def strata(self) -> tuple[NDArray[np.intp], ...]:
        """Row numbers of each stratum of a bootstrap; every row is in exactly one.

        Strata are site x outcome. Where a site has fewer than 5 units of an outcome, the
        whole site is one stratum: a class of one that comes back in every resample would
        hide how much hangs on that unit.
        """
        found: list[NDArray[np.intp]] = []
        for site in np.unique(self.site):
            here = self.site == site
            classes = [np.flatnonzero(here & (self.outcome == yes)) for yes in (False, True)]
            small = min(rows.size for rows in classes) < FEWEST_IN_STRATUM
            found += [np.flatnonzero(here)] if small else classes
        return tuple(found)


def union(parts: Sequence[Predictions]) -> Predictions:
    """Return the units of several sites as one; which site each came from is kept.

    Args:
        parts: One per site, at least one; the order decides the order of rows.
    """
    return Predictions(
        np.concatenate([part.outcome for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
    )


def require_pairs(first: Predictions, second: Predictions) -> None:
    """Check that two models were judged on the same units in the same order.

    Raises:
        DataError: If their outcomes differ anywhere. (Equal outcomes are necessary, not
            sufficient: whoever predicts must keep the order of the test fold.)
    """
    if not np.array_equal(first.outcome, second.outcome):
        raise DataError(
            f"two models were judged on different units ({len(first)} and {len(second)})",
            why="a paired comparison needs both models on the same units in the same order",
            remedy="predict with both models on the same test fold",
        )
