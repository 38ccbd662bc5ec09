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
from modelward.evaluate.patients import (
    Patients,
    Whose,
    joined_owners,
    numbered,
    owners_of,
    patients_of,
    several,
)

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

FEWEST_IN_STRATUM = 5
"""Patients of one outcome below which a site is not split by outcome for resampling."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """One model's probabilities for test units, in the order of the test fold.

    Build one with `of`, join several sites with `union`.

    Attributes:
        outcome: Shape (n,); True where the outcome happened.
        probability: Shape (n,); predicted probability of the outcome, 0 to 1.
        site: Shape (n,); small integers, equal for units of the same site.
        owner: Shape (n,); the same number for units of the same patient. None where every
            unit is its own patient, because each has one or because the data name none:
            then every figure is that of independent units.
    """

    outcome: Booleans
    probability: Floats
    site: NDArray[np.intp]
    owner: Whose | None = None

    @classmethod
    def of(
        cls, outcome: ArrayLike, probability: ArrayLike, owner: ArrayLike | None = None
    ) -> Self:
        """Return the checked predictions of one site.

        Args:
            outcome: n values, each 0 or 1 (or False or True).
            probability: n values from 0 to 1.
            owner: n whole numbers, the same for units of the same patient; None where the
                data name no patients.

        Raises:
            DataError: If lengths differ, there is nothing to judge, an outcome is neither 0
                nor 1, or a probability is not a number from 0 to 1.
        """
        y, p = np.asarray(outcome), np.asarray(probability, np.float64)
        whose = None if owner is None else np.asarray(owner).astype(np.intp)
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
        if whose is not None and whose.shape != y.shape:
            raise DataError(
                f"{y.size} units have {whose.size} patients named",
                why="each test unit is of one patient",
                remedy="pass one number per unit, or none at all",
            )
        whose = numbered(whose) if whose is not None and several(whose) else None
        return cls(y.astype(bool), p, np.zeros(y.size, np.intp), whose)

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
    def patients(self) -> Patients | None:
        """Who stands behind the units; None where every unit is its own patient."""
        return None if self.owner is None else patients_of(self.outcome, self.owner)

    @property
    def persons(self) -> int:
        """Patients; units where every unit is its own."""
        return len(self) if self.owner is None else np.unique(self.owner).size

    @property
    def fewest_patients(self) -> int:
        """Patients of the outcome that fewer have; 0 if all units have the same."""
        known = self.patients
        return self.smaller_class if known is None else known.fewest

    @property
    def strata(self) -> tuple[NDArray[np.intp], ...]:
        """Row numbers of each stratum of a bootstrap; every row is in exactly one.

        Strata are site x outcome. Where a site has fewer than 5 units of an outcome, the
        whole site is one stratum: a class of one that comes back in every resample would
        hide how much hangs on that unit.

        Where patients have several units, patients are drawn, and these are their numbers,
        from 0 in the order of `owner`. One with any unit whose outcome happened is of that
        outcome.
        """
        site, outcome = self.site, self.outcome
        if self.owner is not None:
            _, first, whose = np.unique(self.owner, return_index=True, return_inverse=True)
            site, outcome = site[first], np.bincount(whose, outcome) > 0
        found: list[NDArray[np.intp]] = []
        for one in np.unique(site):
            here = site == one
            classes = [np.flatnonzero(here & (outcome == yes)) for yes in (False, True)]
            small = min(rows.size for rows in classes) < FEWEST_IN_STRATUM
            found += [np.flatnonzero(here)] if small else classes
        return tuple(found)


def union(parts: Sequence[Predictions]) -> Predictions:
    """Return the units of several sites as one; which site each came from is kept.

    Patients of different sites are different patients.

    Args:
        parts: One per site, at least one; the order decides the order of rows.
    """
    return Predictions(
        np.concatenate([part.outcome for part in parts]),
        np.concatenate([part.probability for part in parts]),
        np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        joined_owners([part.owner for part in parts], [len(part) for part in parts]),
    )


def part(predictions: Predictions, chosen: Booleans) -> Predictions:
    """Return the predictions of the chosen units, [units]; patients keep their numbers."""
    return Predictions(
        predictions.outcome[chosen],
        predictions.probability[chosen],
        predictions.site[chosen],
        owners_of(chosen, predictions.owner),
    )


def require_pairs(first: Predictions, second: Predictions) -> None:
    """Check that two models were judged on the same units in the same order.

    Raises:
        DataError: If their outcomes or patients differ anywhere. (That they are equal is
            necessary, not sufficient: whoever predicts must keep the order of the test fold.)
    """
    if not (
        np.array_equal(first.outcome, second.outcome)
        and np.array_equal(first.owner, second.owner)  # type: ignore[arg-type]
    ):
        raise DataError(
            f"two models were judged on different units ({len(first)} and {len(second)})",
            why="a paired comparison needs both models on the same units in the same order",
            remedy="predict with both models on the same test fold",
        )
