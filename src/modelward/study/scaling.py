"""Frozen scaling and imputation from federated statistics.

Each site sends, for every column, three sums over its training units; the hub adds them
and every site then applies the same center and spread (z-scores of the *union*, which per-
hospital z-scores are not: docs/statistics.md has the figures).

Sums are taken of t = (value - middle) / half-width of the study's range, so |t| <= 1: sums
are bounded by the number of units whatever the unit of measurement, and the squares do not
cancel. Ranges come from the study, never from the data's own extremes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column
from modelward.core.tensors import Schema, Tensors, TensorSpec


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
        """Return scaled `values` [units, columns]; NaN (missing) becomes the fill value."""
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
    middle, half = _frame(columns)
    t = (values - middle) / half
    known = ~np.isnan(t)
    t = np.where(known, t, 0.0)
    return {
        "units": np.array([float(len(values))]),
        "known": known.sum(axis=0, dtype=np.float64),
        "total": t.sum(axis=0),
        "square": np.square(t).sum(axis=0),
    }


def from_sums(sums: Tensors, columns: Sequence[Column]) -> Scaling:
    """Return the scaling of the union from sums over all sites.

    The spread is the standard deviation with denominator n, as scikit-learn's
    StandardScaler has it. A column without known values is filled with the middle of its
    range.
    """
    middle, half = _frame(columns)
    known = np.maximum(sums["known"], 1.0)
    mean = sums["total"] / known
    variance = np.maximum(sums["square"] / known - mean**2, 0.0)
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
