"""Values that can be read and are still not what the study means.

A wrong unit, a swapped column, an answer among the questions: each leaves a mark on the
distribution. The rules are coarse on purpose; they name what to look at, a person decides.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column
from modelward.core.features import NumberFeature
from modelward.core.study import Study

Level = Literal["error", "warning", "note"]
Told = tuple[Level, str, str, str]
"""Level, key, what was found, remedy."""

CROWDED = 0.02
"""Share of the range within which all values may not lie, at its lower end."""

GIVEAWAY = 0.995
"""Area under the curve, or correlation with a measured outcome, of one feature alone from which
it is taken for the answer itself."""

FEW = 20
"""Values below which a distribution says nothing."""


def column_findings(
    column: Column,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    measured: NDArray[np.float64] | None = None,
) -> Iterator[Told]:
    """Yield what one column of the cohort gives away.

    Args:
        column: Of the study.
        x: Its values, NaN where missing.
        y: Outcomes, yes or no.
        measured: Outcomes that are measured; None where they are yes or no.
    """
    known = ~np.isnan(x)
    seen, outcome = x[known], y[known]
    if len(seen) < FEW:
        return
    if seen.min() == seen.max():
        says = f"all {len(seen)} known values are equal"
        if column.level is None:
            yield (
                "warning",
                column.feature,
                says,
                "nothing can be learnt from it: right column?",
            )
        else:
            yield ("note", column.feature, f"level {column.level!r}: {says}", "")
        return
    if column.level is None and (column.low, column.high) != (0.0, 1.0):
        yield from _crowded(column, seen)
    if measured is not None:
        yield from _in_step(column, seen, measured[known])
        return
    area = auc(seen, outcome)
    if max(area, 1 - area) >= GIVEAWAY:
        says = (
            f"alone tells the outcome apart almost perfectly (area {max(area, 1 - area):.3f})"
        )
        yield ("error", column.feature, says, "it may be recorded after the outcome: check it")


def _in_step(
    column: Column, seen: NDArray[np.float64], measured: NDArray[np.float64]
) -> Iterator[Told]:
    if measured.min() == measured.max():
        return
    together = abs(float(np.corrcoef(seen, measured)[0, 1]))
    if together >= GIVEAWAY:
        says = f"alone tells the outcome almost perfectly (correlation {together:.3f})"
        yield ("warning", column.feature, says, "is it the outcome itself, in other words?")


def _crowded(column: Column, seen: NDArray[np.float64]) -> Iterator[Told]:
    width = column.high - column.low
    if np.quantile(seen, 0.99) < column.low + CROWDED * width:
        says = (
            f"99 % of {len(seen)} values lie in the lowest {CROWDED:.0%} of "
            f"[{column.low:g}, {column.high:g}]"
        )
        yield ("warning", column.feature, says, "another unit? write it under [units]")


def auc(scores: NDArray[np.float64], outcome: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve, ties counted half; 0.5 if there is one class.

    Source: Mann and Whitney 1947; Hanley and McNeil 1982.
    """
    positive, negative = scores[outcome == 1], scores[outcome == 0]
    if not len(positive) or not len(negative):
        return 0.5
    ordered, positive = np.sort(negative), np.sort(positive)  # neighbours are found quickly
    below = np.searchsorted(ordered, positive, "left")
    upto = np.searchsorted(ordered, positive, "right")
    return float((below + upto).sum() / 2 / (len(positive) * len(negative)))


def look_swapped(raw: Mapping[str, NDArray[np.float64]], study: Study) -> Iterator[Told]:
    """Yield pairs of number features that fit each other's range and not their own.

    Args:
        raw: Feature -> values in the study's unit before the range was applied.
        study: Whose ranges hold.
    """
    ranges = {
        name: feature.range
        for name, feature in study.features.items()
        if isinstance(feature, NumberFeature) and name in raw
    }
    names = sorted(ranges)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            fits = _fits(raw[one], ranges[other]) and _fits(raw[other], ranges[one])
            if (
                fits
                and not _fits(raw[one], ranges[one])
                and not _fits(raw[other], ranges[other])
            ):
                says = f"its values fit the range of {other!r}, and the other way round"
                yield ("error", one, says, f"are the columns of {one} and {other} swapped?")


def _fits(values: NDArray[np.float64], within: tuple[float, float]) -> bool:
    known = values[~np.isnan(values)]
    if not len(known):
        return False
    share = np.mean((known >= within[0]) & (known <= within[1]))
    return bool(share >= 0.9)  # noqa: PLR2004 - nine in ten
