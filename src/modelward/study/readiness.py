"""What a site may say about its data before a study begins: the statement of readiness.

    ready      1 or 0 for each of `names`: the cohort as a whole, every feature, every item of
               a sequence, and the outcome
    units      units that would take part, as the lower end of one of `BANDS`
    outcome    noised units by outcome, [8]
    values     noised units by column, [columns, 8 bins of the study's range and missing]

Where a site is NOT READY, or has fewer units than its policy asks for, everything but `ready`
is 0 and nobody was looked at. Noise is that of one look (privacy/plan.py), whatever the
study's own terms are: a patient adds 1 to one cell of the outcome and of each column, so the
L2 sensitivity is the root of their number (`reach`). Bins follow from the study's ranges,
never from the data's.

Pure: shared by the site that makes it, the gate that judges it, and the hub that reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.study import Study
from modelward.core.targets import NumberTarget
from modelward.core.tensors import Schema, Tensors, TensorSpec

COHORT = "cohort"
"""The name under which what is about no single feature is told."""

BINS = 8
"""Bins of a column's range, and of the outcome's."""

BANDS = (0, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
"""Lower ends of the bands in which units are told."""


def names(study: Study) -> tuple[str, ...]:
    """Return what is ready or not, in the order of `ready`: the cohort first."""
    found = sorted(study.features)
    if study.sequence is not None:
        name, sequence = study.sequence
        found += [f"{name}.{item}" for item, _ in sequence.places]
    return (COHORT, *found, *study.target)


def schema(study: Study) -> Schema:
    """Return the tensors of a statement."""
    width = len(columns(study))
    specs = [
        TensorSpec("outcome", "F64", (BINS,)),
        TensorSpec("ready", "F64", (len(names(study)),)),
        TensorSpec("units", "F64", (1,)),
    ]
    if width:
        specs.append(TensorSpec("values", "F64", (width, BINS + 1)))
    return Schema.of(*specs)


def banded(units: int) -> int:
    """Return the lower end of the band that `units` is in.

    >>> banded(19), banded(20), banded(740)
    (0, 20, 500)
    """
    return max(end for end in BANDS if end <= units)


def reach(study: Study) -> float:
    """Return the L2 norm of what one patient adds to all noised counts together."""
    return sqrt(len(columns(study)) + 1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statement:
    """One site's statement.

    Attributes:
        ready: Name -> whether it is ready, as in `names`.
        units: Lower end of a band; 0 where nobody was looked at, or few.
        outcome: [BINS], noised.
        values: [columns, BINS + 1], noised; the last place is for missing ones.
    """

    ready: Mapping[str, bool]
    units: int
    outcome: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def whole(self) -> bool:
        """Whether the site is READY."""
        return all(self.ready.values())

    @property
    def counted(self) -> bool:
        """Whether there are noised counts."""
        return self.units > 0

    @classmethod
    def read(cls, study: Study, tensors: Tensors) -> "Statement":
        """Return the statement in tensors of `schema`."""
        flags = dict(zip(names(study), tensors["ready"] == 1.0, strict=True))
        return cls(
            ready={name: bool(flag) for name, flag in flags.items()},
            units=int(tensors["units"][0]),
            outcome=tensors["outcome"],
            values=tensors.get("values", np.zeros((0, BINS + 1))),
        )


def of_nobody(study: Study, ready: Mapping[str, bool]) -> dict[str, NDArray[np.float64]]:
    """Return the tensors of a statement that says nothing about patients."""
    found = {spec.name: np.zeros(spec.shape) for spec in schema(study)}
    found["ready"] = np.array([float(ready.get(name, True)) for name in names(study)])
    return found


def contributions(
    study: Study,
    x: NDArray[np.float64],
    y: NDArray[np.int8],
    amount: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Return what each unit adds to [outcome, values...], [units, (columns + 1) * (BINS + 1)].

    Args:
        study: Whose columns they are.
        x: [units, columns], NaN where missing.
        y: Outcomes.
        amount: Values of an outcome that is measured.
    """
    listed, outcome = columns(study), study.outcome
    cells = np.zeros((len(y), len(listed) + 1), np.int64)
    cells[:, 0] = y
    if isinstance(outcome, NumberTarget) and amount is not None:
        cells[:, 0] = _bins(amount, *outcome.range)
    for place, column in enumerate(listed, start=1):
        cells[:, place] = _bins(x[:, place - 1], column.low, column.high)
    found: NDArray[np.float64] = np.eye(BINS + 1)[cells].reshape(len(y), -1)
    return found


def _bins(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.int64]:
    """Return the bin of each value of [low, high]; `BINS` where it is missing."""
    share = np.nan_to_num((values - low) / (high - low))
    found = np.clip((share * BINS).astype(np.int64), 0, BINS - 1)
    return np.where(np.isnan(values), BINS, found)
