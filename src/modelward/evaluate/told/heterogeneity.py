"""How sites differ before a study begins, from their statements of readiness alone.

    coverage    who is READY, how many units (in bands), and who lacks which feature
    outcome     share with the outcome at each site (label shift)
    shifts      each column's distribution at a site against all others together (covariate
                shift): total variation distance, and whether noise and chance explain it
    missing     share of missing values by column and site

Counts carry noise (study/readiness.py), so every figure has a standard error from sampling
and noise together. A shift is called one where a chi-squared test of the difference, with
both in its variance, is below `LEVEL` over all comparisons made (Bonferroni). The test is
Pearson's with the noise's variance added to each cell; cells that hold next to nobody at both
sides are put together first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.study import Study
from modelward.evaluate.sums.tails import chi_square
from modelward.privacy.plan import look
from modelward.study.readiness import BANDS, BINS, Statement, names, reach

LEVEL = 0.01
"""Probability of calling any difference a shift where there is none."""

FEW = 5.0
"""Expected units below which a cell is put together with the next one (Cochran 1954)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What one site has.

    Attributes:
        site: Its name.
        told: Whether it has made a statement.
        ready: Whether it is READY.
        units: Lower end of the band; 0 where nothing is told.
        lacks: Names that are not ready.
    """

    site: str
    told: bool
    ready: bool
    units: int
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of one site's units, with its standard error from chance and noise."""

    site: str
    name: str
    share: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One distribution at one site against the others.

    Attributes:
        site: Its name.
        name: Of the column, or of the outcome.
        distance: Total variation distance, 0 to 1, of the noised shares.
        expected: What chance and noise alone give on average.
        p: Of the test described above.
        shifted: Whether it is called a shift.
    """

    site: str
    name: str
    distance: float
    expected: float
    p: float
    shifted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """The hub's view of all sites.

    Attributes:
        study: Name of the study.
        names: What can be ready, in order.
        sites: Every site that was asked, by name.
        outcome: Share with the outcome, by site; empty where it is no yes or no.
        shifts: Outcome first, then columns, by site.
        missing: By column and site.
    """

    study: str
    names: tuple[str, ...]
    sites: tuple[Coverage, ...]
    outcome: tuple[Share, ...]
    shifts: tuple[Shift, ...]
    missing: tuple[Share, ...]


def heterogeneity(
    study: Study, statements: Mapping[str, Statement], asked: Sequence[str] = ()
) -> Heterogeneity:
    """Return the hub's view of the sites.

    Args:
        study: What they were asked about.
        statements: Site -> what it has said.
        asked: Every site of the roster; those of `statements` if empty.
    """
    sites = sorted({*asked, *statements})
    told = {site: each for site, each in sorted(statements.items()) if each.counted}
    noise = (look().noise * reach(study)) ** 2
    tables = {study.target_name: {site: _Counts.outcome(e) for site, e in told.items()}}
    for place, column in enumerate(columns(study)):
        tables[column.name] = {site: _Counts.column(e, place) for site, e in told.items()}
    shifts = [each for name, table in tables.items() for each in _shifts(name, table, noise)]
    level = LEVEL / max(1, len(shifts))
    return Heterogeneity(
        study=study.id,
        names=names(study),
        sites=tuple(_coverage(site, statements.get(site)) for site in sites),
        outcome=tuple(_outcomes(study, told, noise)),
        shifts=tuple(_called(each, level) for each in shifts),
        missing=tuple(_missing(study, told, noise)),
    )


def _coverage(site: str, said: Statement | None) -> Coverage:
    if said is None:
        return Coverage(site=site, told=False, ready=False, units=0, lacks=())
    lacks = tuple(name for name, fits in said.ready.items() if not fits)
    return Coverage(site=site, told=True, ready=said.whole, units=said.units, lacks=lacks)


def _outcomes(study: Study, told: Mapping[str, Statement], noise: float) -> list[Share]:
    if study.outcome.type not in {"boolean", "time-to-event"}:
        return []
    return [
        _share(site, study.target_name, said.outcome[1], _units(said), noise)
        for site, said in told.items()
    ]


def _missing(study: Study, told: Mapping[str, Statement], noise: float) -> list[Share]:
    return [
        _share(site, column.name, said.values[place, BINS], _units(said), noise)
        for place, column in enumerate(columns(study))
        for site, said in told.items()
    ]


def _share(site: str, name: str, part: float, whole: float, noise: float) -> Share:
    """Return part / whole, held within 0 and 1; noise is the variance of one cell."""
    share = min(max(float(part) / whole, 0.0), 1.0)
    spread = share * (1 - share) / whole + noise / whole**2
    return Share(site=site, name=name, share=share, error=sqrt(spread))


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """One distribution at one site: noised cells, and how many units are in them."""

    cells: Floats
    units: float

    @classmethod
    def outcome(cls, said: Statement) -> "_Counts":
        return cls(said.outcome, _units(said))

    @classmethod
    def column(cls, said: Statement, place: int) -> "_Counts":
        gone = max(float(said.values[place, BINS]), 0.0)
        return cls(said.values[place, :BINS], max(_units(said) - gone, 1.0))


def _units(said: Statement) -> float:
    """Return about how many units a site has: every column counts all of them, with noise."""
    totals = [said.outcome.sum(), *said.values.sum(axis=1)]
    above = [end for end in BANDS if end > said.units]
    return float(np.clip(np.mean(totals), said.units, above[0] - 1 if above else np.inf))


def _shifts(name: str, table: Mapping[str, _Counts], noise: float) -> list[Shift]:
    """Return the comparison of every site with the others; none of fewer than two sites."""
    if len(table) < 2:  # noqa: PLR2004 - a site and another
        return []
    return [
        _compared(site, name, own, [c for s, c in table.items() if s != site], noise)
        for site, own in table.items()
    ]


def _compared(
    site: str, name: str, own: _Counts, others: Sequence[_Counts], noise: float
) -> Shift:
    rest = np.sum([each.cells for each in others], axis=0)
    here, there = own.units, sum(each.units for each in others)
    cells = _together(own.cells + rest)
    mine, theirs = (np.array([v[c].sum() for c in cells]) for v in (own.cells, rest))
    held = np.array([float(c.size) for c in cells])
    pooled = np.maximum(mine + theirs, FEW) / (here + there)
    chance = pooled * (1 / here + 1 / there)
    spread = chance + noise * held * (1 / here**2 + len(others) / there**2)
    apart = mine / here - theirs / there
    # Noise is independent in every cell, so none is lost to the total: a degree a cell.
    p = chi_square(float((apart**2 / spread).sum()), len(cells)) if len(cells) > 1 else 1.0
    return Shift(
        site=site,
        name=name,
        distance=min(1.0, 0.5 * float(np.abs(apart).sum())),
        expected=0.5 * float(np.sqrt(2 / pi * spread).sum()),
        p=p,
        shifted=False,
    )


def _together(counts: Floats) -> list[NDArray[np.int64]]:
    """Return the cells of a table, neighbours together until each holds `FEW` or more."""
    found: list[list[int]] = [[]]
    for place, count in enumerate(counts):
        found[-1].append(place)
        if counts[found[-1]].sum() >= FEW and place < len(counts) - 1:
            found.append([])
        del count
    if len(found) > 1 and counts[found[-1]].sum() < FEW:
        last = found.pop()
        found[-1] += last
    return [np.array(each) for each in found]


def _called(each: Shift, level: float) -> Shift:
    return Shift(
        site=each.site,
        name=each.name,
        distance=each.distance,
        expected=each.expected,
        p=each.p,
        shifted=each.p < level,
    )
