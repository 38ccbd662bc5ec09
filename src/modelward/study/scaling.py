"""Frozen scaling and imputation from federated statistics.

Each site sends, for every column, three sums over its training units; the hub adds them
and every site then applies the same center and spread (z-scores of the *union*, which per-
hospital z-scores are not: docs/statistics.md has the figures).

Under differential privacy the sums are noised (site/answering/private_answer.py), or none are
taken and every column is centred and scaled by the study's range, which costs no patient
anything.

Sums are taken of t = (value - middle) / half-width of the study's range, so |t| <= 1: sums
are bounded by the number of units whatever the unit of measurement, and the squares do not
cancel. Ranges come from the study, never from the data's own extremes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column, columns, summed_columns
from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors, TensorSpec

LEAST_SPREAD = 0.05
"""Under noise, a column's spread is at least this share of its half-width: a variance that
noise has made tiny would blow the column up."""


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """What is done to every column before a recipe sees it.

    Attributes:
        center: Subtracted; float64, one per column, in the column's unit.
        spread: Divided by; 1 where a column is taken as it is or never varies.
        fill: Taken for a missing value, before scaling: the mean over all sites.
    """

    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    fill: NDArray[np.float64]

    NAMES: ClassVar[tuple[str, ...]] = ("scale.center", "scale.fill", "scale.spread")

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return scaled `values` [units, columns]; NaN (missing) becomes the fill value.

        What stands after the columns (core/modalities.py) is left as it is.
        """
        width = len(self.center)
        if values.shape[1] > width:
            return np.concatenate([self.apply(values[:, :width]), values[:, width:]], axis=1)
        filled = np.where(np.isnan(values), self.fill, values)
        return (filled - self.center) / self.spread

    @property
    def tensors(self) -> dict[str, NDArray[np.float64]]:
        """The scaling as tensors of a model bundle."""
        return {
            "scale.center": self.center,
            "scale.fill": self.fill,
            "scale.spread": self.spread,
        }

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> Self:
        """Return the scaling stored in a model bundle."""
        return cls(
            center=tensors["scale.center"],
            spread=tensors["scale.spread"],
            fill=tensors["scale.fill"],
        )


def frozen(study: Study, sums: Tensors) -> Scaling | None:
    """Return the scaling of the study from sums over all sites; None where it has no columns.

    Args:
        study: The study.
        sums: Totals of `statistics` artifacts of this study.
    """
    listed = columns(study)
    if not listed:
        return None
    if not summed_columns(study):
        return of_ranges(listed)
    return from_sums(sums, listed, least=LEAST_SPREAD if study.privacy.dp else 0.0)


def of_ranges(columns: Sequence[Column]) -> Scaling:
    """Return the scaling that knows the study's ranges only: -1 to 1, missing in the middle."""
    middle, half = _frame(columns)
    standardise = np.array([column.standardise for column in columns])
    return Scaling(
        center=np.where(standardise, middle, 0.0),
        spread=np.where(standardise, half, 1.0),
        fill=middle,
    )


def sums_schema(width: int) -> Schema:
    """Return the tensors of a `statistics` artifact over `width` columns.

    `units` [1] is the number of training units; `known`, `total` and `square` [width] are,
    per column, the number of known values, the sum of t and the sum of t^2.
    """
    specs = [TensorSpec("units", "F64", (1,))]
    if width:
        specs += [TensorSpec(name, "F64", (width,)) for name in ("known", "square", "total")]
    return Schema.of(*specs)


def local_sums(
    values: NDArray[np.float64], columns: Sequence[Column]
) -> dict[str, NDArray[np.float64]]:
    """Return a site's sums over its training units.

    Args:
        values: [units, columns], in the columns' units; NaN where missing.
        columns: What each column is.
    """
    if not columns:
        return {"units": np.array([float(len(values))])}
    known, t, square = contributions(values, columns)
    return {
        "units": np.array([float(len(values))]),
        "known": known.sum(axis=0),
        "total": t.sum(axis=0),
        "square": square.sum(axis=0),
    }


def contributions(
    values: NDArray[np.float64], columns: Sequence[Column]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return what every unit adds to `known`, `total` and `square`, each [units, columns].

    Within [-1, 1] for values within the study's ranges.
    """
    values = values[:, : len(columns)]
    middle, half = _frame(columns)
    t = (values - middle) / half
    known = ~np.isnan(t)
    t = np.where(known, t, 0.0)
    return known.astype(np.float64), t, np.square(t)


def from_sums(sums: Tensors, columns: Sequence[Column], least: float = 0.0) -> Scaling:
    """Return the scaling of the union from sums over all sites.

    The spread is the standard deviation with denominator n, as scikit-learn's
    StandardScaler has it. A column without known values is filled with the middle of its
    range.

    Args:
        sums: Totals over all sites.
        columns: What each column is.
        least: Smallest spread of a column that is scaled, as a share of its half-width.
    """
    middle, half = _frame(columns)
    known = np.maximum(sums["known"], 1.0)
    # The limits bind only where noise has been added: |t| <= 1.
    mean = np.clip(sums["total"] / known, -1.0, 1.0)
    variance = np.clip(sums["square"] / known - mean**2, least**2, 1.0)
    varies = variance > 1e-12  # noqa: PLR2004 - of a quantity within [-1, 1]
    standardise = np.array([column.standardise for column in columns])
    fill = middle + half * mean
    spread = np.where(varies & standardise, half * np.sqrt(variance), 1.0)
    return Scaling(center=np.where(standardise, fill, 0.0), spread=spread, fill=fill)


def _frame(
    columns: Sequence[Column],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return middle and half-width of every column's range."""
    low = np.array([column.low for column in columns])
    high = np.array([column.high for column in columns])
    return (low + high) / 2, (high - low) / 2
