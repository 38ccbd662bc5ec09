"""What a site tells of each level of a group: a row of sums, of use for one site and over many.

    negatives positives             n0 and n1: test units by outcome; 0 where nothing is told
    weight area error               w = n0 n1 / (n0 + n1), w AUC, (w standard error of AUC)^2
    beyond doubt                    n (share with the outcome minus mean probability), and
                                    (n standard error of that)^2
    negatives_rated positives_rated those of units whose rates are told, 0 where they are not,
    alarms hits                     and how many of either get a yes at one half

A row is computed from all digits, from AUC, errors and means that were rounded first, so it
holds no more than these. Added over sites (`w` weighs AUC by what it knows, Zhou et al. 2011,
Statistical Methods in Diagnostic Medicine, 12.2) rows are again such rows: that is what makes
them of use behind masks.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]

COLUMNS = (
    "negatives", "positives", "weight", "area", "error", "beyond", "doubt",
    "negatives_rated", "positives_rated", "alarms", "hits",
)  # fmt: skip
PLACE = {name: place for place, name in enumerate(COLUMNS)}
RATED = slice(PLACE["negatives_rated"], None)

BITS = 40
"""Rows are multiples of 2^-40, as all sums are."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level at one site, or at several together.

    Attributes:
        negatives: Units without the outcome.
        positives: Units with it.
        auc: AUC and its standard error; None where none exists.
        beyond: Share with the outcome minus mean probability, and its standard error.
        rates: Negatives and positives whose rates are told, and how many of either get a yes;
            None where they are not told.
    """

    negatives: int
    positives: int
    auc: tuple[float, float] | None
    beyond: tuple[float, float]
    rates: tuple[int, int, int, int] | None

    @property
    def units(self) -> int:
        """All of them."""
        return self.negatives + self.positives


def row_of(level: Level, decimals: int) -> Row:
    """Return a level as a row, figures rounded to so many decimals first."""
    n = level.units
    weight = level.negatives * level.positives / n if n else 0.0
    made = np.zeros(len(COLUMNS))
    made[:2] = level.negatives, level.positives
    if level.auc is not None and weight:
        value, error = (round(each, decimals) for each in level.auc)
        made[2:5] = weight, weight * value, (weight * error) ** 2
    value, error = (round(each, decimals) for each in level.beyond)
    made[5:7] = n * value, (n * error) ** 2
    if level.rates is not None:
        made[RATED] = level.rates
    grid: Row = np.rint(made * 2.0**BITS) / 2.0**BITS + 0.0
    return grid


def level_of(row: Row) -> Level | None:
    """Return what a row, or a sum of rows, says; None where nothing is told."""
    said = dict(zip(COLUMNS, map(float, row), strict=True))
    n = said["negatives"] + said["positives"]
    if n <= 0:
        return None
    auc = None
    if said["weight"] > 0:
        auc = said["area"] / said["weight"], sqrt(max(said["error"], 0.0)) / said["weight"]
    rates = tuple(round(value) for value in row[RATED])
    return Level(
        negatives=round(said["negatives"]),
        positives=round(said["positives"]),
        auc=auc,
        beyond=(said["beyond"] / n, sqrt(max(said["doubt"], 0.0)) / n),
        rates=(rates[0], rates[1], rates[2], rates[3]) if any(rates[:2]) else None,
    )


def is_row(row: Row, decimals: int) -> bool:
    """Return whether a row of one site is what rounded figures give, and nothing beside."""
    if not np.isfinite(row).all() or (row[:5] < 0).any() or (row[6:] < 0).any():
        return False
    level = level_of(row)
    if level is None:
        return not row.any()
    fits = level.auc is None or 0 <= round(level.auc[0], decimals) <= 1
    fits &= level.rates is None or level.rates[:2] == (level.negatives, level.positives)
    return fits and bool((row_of(level, decimals) == row).all())
