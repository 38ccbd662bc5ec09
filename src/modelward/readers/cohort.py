"""A site's patients as arrays, in the study's columns; they stay in this process.

Folds are decided per unit, from the data's own split column or from a hash of the unit's
id, so that a patient who was tested on once is never trained on later, whatever is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from modelward.core.faults import Fault
from modelward.core.study import Plan

Fold = Literal["train", "validation", "test"]

FOLDS: dict[str, int] = {"train": 0, "validation": 1, "test": 2}
"""How folds are numbered in `Cohort.folds`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """The units of one site that take part in one study.

    Attributes:
        x: float64 [units, columns] in the columns' units, NaN where missing; or uint8
            [units, height, width] for images; or float32 [units, steps, 3] for sequences, as
            core/sequences.py packs them.
        y: int8 [units], 1 where the outcome is present (the event, for time to event; a level
            that counts as a yes; a mask with anything in it); 0 everywhere for an outcome that
            is measured.
        folds: int8 [units], numbered as in `FOLDS`.
        notes: What was left out and why, in sentences with counts.
        ids: Per unit, the id of its patient, or its own where the data name no patients;
            empty where they are not needed any more.
        owner: int64 [units], the same number for units of the same patient; None where the
            data name no patients, and every unit stands for itself.
        opted_out: Units left out because their patients opted out; None without a list.
        amount: float64 [units], finite: days until the event or the end of follow-up, the
            value that is measured, or the number of the level; None for other outcomes.
        masks: uint8 of the shape of `x`, 0 and 1: what is drawn in each image; None for other
            outcomes.
    """

    x: NDArray[Any]
    y: NDArray[np.int8]
    folds: NDArray[np.int8]
    notes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    owner: NDArray[np.int64] | None = None
    opted_out: int | None = None
    amount: NDArray[np.float64] | None = None
    masks: NDArray[np.uint8] | None = None

    def chosen(self, name: Fold) -> NDArray[np.bool_]:
        """Return which units are in one fold, [units]."""
        chosen: NDArray[np.bool_] = self.folds == FOLDS[name]
        return chosen

    def fold(self, name: Fold) -> tuple[NDArray[Any], NDArray[np.int8]]:
        """Return x and y of the units in one fold, in the order of the data file."""
        chosen = self.folds == FOLDS[name]
        return self.x[chosen], self.y[chosen]

    def amounts(self, name: Fold) -> NDArray[np.float64] | None:
        """Return the amounts of the units in one fold, in the order of `fold`."""
        return None if self.amount is None else self.amount[self.folds == FOLDS[name]]

    def owners(self, name: Fold) -> NDArray[np.int64]:
        """Return the patient of every unit in one fold, in the order of `fold`."""
        owner = np.arange(len(self.y)) if self.owner is None else self.owner
        chosen: NDArray[np.int64] = owner[self.folds == FOLDS[name]]
        return chosen

    def count(self, name: Fold) -> int:
        """Return the number of units in one fold."""
        return int(np.count_nonzero(self.folds == FOLDS[name]))


def number_owners(ids: Sequence[str]) -> NDArray[np.int64]:
    """Return a number for every id, the same for the same id."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(each, len(numbers)) for each in ids], np.int64)


def torn(
    key: str, owner: NDArray[np.int64] | None, folds: NDArray[np.int8] | None
) -> list[Fault]:
    """Return the fault of data that put units of one patient into several folds, if they do.

    Args:
        key: What the data call the folds.
        owner: Patient of every unit; None if the data name none.
        folds: As the data give them; None if they give none.
    """
    if owner is None or folds is None:
        return []
    held = {(int(o), int(f)) for o, f in zip(owner, folds, strict=True)}
    twice = len(held) - len({o for o, _ in held})
    return [Fault(key, f"{twice} patients are in more than one fold")] if twice else []


def assign_folds(
    ids: Sequence[str], given: NDArray[np.int8] | None, plan: Plan
) -> NDArray[np.int8]:
    """Return the fold of every unit.

    Args:
        ids: One id per unit, as text.
        given: Folds that the data themselves name, or None. Validation is still taken out
            of their training units where the study asks for it and the data name none.
        plan: The shares held back.
    """
    drawn = np.array([_uniform(unit) for unit in ids])
    if given is None:
        return np.select(
            [drawn < plan.test, drawn < plan.test + plan.validation], [2, 1], 0
        ).astype(np.int8)
    folds = given.copy()
    if not (folds == FOLDS["validation"]).any():
        folds[(folds == FOLDS["train"]) & (drawn < plan.validation)] = FOLDS["validation"]
    return folds


def _uniform(unit: str) -> float:
    """Return a number in [0, 1) that depends on the unit's id alone."""
    digest = sha256(b"modelward-fold/1\n" + unit.encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
