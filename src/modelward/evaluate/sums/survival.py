"""Kaplan-Meier curves with intervals and numbers at risk, and the log-rank test.

From counts per cell of a time grid (recipes/statistics/km.py), of one site or of all:

    S(t) = product over cells up to t of 1 - d / n      Greenwood's variance (1926)
    interval on the scale log(-log S)                   Kalbfleisch and Prentice 2002, 1.4
    log-rank: observed minus expected events per group  Mantel 1966, Peto and Peto 1972

Version 1 of `km` is tested on the grid, over all sites; version 2
(recipes/statistics/km_strata.py) within sites, on the sums that they made of exact times.
"""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import Tensors
from modelward.evaluate.estimate import Z
from modelward.evaluate.sums import tails
from modelward.evaluate.sums.coefficients import state_of
from modelward.recipes.catalogue import analysis
from modelward.recipes.statistics.km import Km
from modelward.recipes.statistics.km_strata import StratifiedKm
from modelward.recipes.statistics.log_rank import compared
from modelward.study.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A cell of the grid in which somebody had the event, or that is the last.

    Attributes:
        day: Last day of the cell.
        at_risk: Units at its beginning.
        events: In it.
        survival: After it.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    day: float
    at_risk: int
    events: int
    survival: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One group.

    Attributes:
        name: The group.
        units: Units at day 0.
        events: In all cells.
        steps: Cells with events, and the last.
        at_risk: Units at the beginning, and after each fifth of the grid.
        median: First day with survival of a half or less; None if there is none.
        hidden_sites: Sites with too few units of the group to count them.
        shift: Days by which merging moved a unit on average.
    """

    name: str
    units: int
    events: int
    steps: tuple[Step, ...]
    at_risk: tuple[tuple[float, int], ...]
    median: float | None
    hidden_sites: int
    shift: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRank:
    """The test that all groups have one survival function.

    Attributes:
        chi_square: On one degree of freedom fewer than groups.
        freedom: Degrees.
        p: Its tail.
        expected: Expected events per group.
    """

    chi_square: float
    freedom: int
    p: float
    expected: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StratifiedLogRank(LogRank):
    """The test within strata, by exact times.

    Attributes:
        strata: What risk sets are never compared over: "site", and the feature that splits it.
    """

    strata: tuple[str, ...]


TICKS = 5
"""Times after day 0 at which numbers at risk are told."""

FLAT = 1e-9
"""Share of the largest eigenvalue of a variance that is still taken for 0."""


def curves(model: Model) -> tuple[Curve, ...]:
    """Return the curve of every group of a finished `km`; none for anything else."""
    made, state = _drawn(model), state_of(model)
    if made is None or not state["stage"][0]:
        return ()
    ends = made.ends(model.study)
    return tuple(
        _curve(
            name,
            ends,
            np.asarray(state["events"][g]),
            np.asarray(state["censored"][g]),
            (int(state["hidden"][g]), float(state["shift"][g])),
        )
        for g, name in enumerate(made.groups(model.study))
    )


def log_rank(model: Model) -> LogRank | None:
    """Return the test over the groups of a finished `km`; None with fewer than two."""
    made, state = analysis(model.study.recipe), state_of(model)
    if isinstance(made, StratifiedKm):
        return _within_strata(made, state)
    if not isinstance(made, Km) or len(made.groups(model.study)) < 2:  # noqa: PLR2004
        return None
    events, censored = np.asarray(state["events"]), np.asarray(state["censored"])
    shown = (events + censored).sum(axis=1) > 0
    if shown.sum() < 2 or not events.sum():  # noqa: PLR2004
        return None
    found = compared(at_risk(events, censored)[shown], events[shown])
    gap, spread = found.observed - found.expected, found.spread
    value = float(gap[:-1] @ np.linalg.pinv(spread[:-1, :-1], hermitian=True) @ gap[:-1])
    freedom = len(gap) - 1
    whole = np.zeros(len(shown))
    whole[shown] = found.expected
    return LogRank(
        chi_square=value,
        freedom=freedom,
        p=tails.chi_square(value, freedom),
        expected=tuple(map(float, whole)),
    )


def _within_strata(made: StratifiedKm, state: Tensors) -> StratifiedLogRank | None:
    """Return the test on the sums of all strata; None if no two groups met in any.

    Groups that met nobody have no part in it: degrees of freedom are the rank of the variance.
    """
    gap, spread = np.asarray(state["gap"]), np.asarray(state["spread"])
    values, vectors = np.linalg.eigh(spread)
    kept = values > FLAT * max(float(values[-1]), FLAT)
    if not kept.any():
        return None
    along = gap @ vectors[:, kept]
    value, freedom = float(np.sum(np.square(along) / values[kept])), int(kept.sum())
    named = made.options.strata
    return StratifiedLogRank(
        chi_square=value,
        freedom=freedom,
        p=tails.chi_square(value, freedom),
        expected=tuple(map(float, state["events"].sum(axis=1) - gap)),
        strata=("site", named) if named else ("site",),
    )


def _drawn(model: Model) -> Km | None:
    """Return what counted the curves of a study; None if it has none."""
    made = analysis(model.study.recipe)
    if isinstance(made, StratifiedKm):
        return made.curves
    return made if isinstance(made, Km) else None


def at_risk(events: NDArray[np.float64], censored: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the units at the beginning of every cell, [..., cells]."""
    leaving = events + censored
    return np.asarray(np.cumsum(leaving[..., ::-1], axis=-1)[..., ::-1])


def _curve(
    name: str,
    ends: NDArray[np.float64],
    events: NDArray[np.float64],
    censored: NDArray[np.float64],
    lost: tuple[int, float],
) -> Curve:
    risk = at_risk(events, censored)
    steps, survival, total = [], 1.0, 0.0
    for day, n, d in zip(ends, risk, events, strict=True):
        if n and d:
            survival *= 1 - d / n
            total += d / (n * (n - d)) if n > d else 0.0
            steps.append(_step(float(day), int(n), int(d), survival, total))
    if not steps or steps[-1].day < ends[-1]:
        last = (
            steps[-1]
            if steps
            else Step(day=0.0, at_risk=int(risk[0]), events=0, survival=1.0, low=1.0, high=1.0)
        )
        steps.append(
            Step(
                day=float(ends[-1]),
                at_risk=int(risk[-1]),
                events=0,
                survival=last.survival,
                low=last.low,
                high=last.high,
            )
        )
    units = int(risk[0])
    told = [round(len(ends) * k / TICKS) for k in range(TICKS)]
    return Curve(
        name=name,
        units=units,
        events=int(events.sum()),
        steps=tuple(steps),
        at_risk=tuple((float(ends[k - 1]) if k else 0.0, int(risk[k])) for k in told),
        median=next((step.day for step in steps if step.survival <= 0.5), None),  # noqa: PLR2004
        hidden_sites=lost[0],
        shift=lost[1] / units if units else 0.0,
    )


def _step(day: float, n: int, d: int, survival: float, total: float) -> Step:
    """Return a step with its interval; total is Greenwood's sum of d / (n (n - d))."""
    low = high = survival
    if 0 < survival < 1:
        reach = Z * sqrt(total) / abs(log(survival))
        low, high = survival ** exp(reach), survival ** exp(-reach)
    return Step(day=day, at_risk=n, events=d, survival=survival, low=low, high=high)
