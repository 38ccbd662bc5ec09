"""Stratified bootstrap: the same hospitals, with other patients of the same kind.

Resamples units with replacement within each site x outcome (`Predictions.strata`), so that
every resample has the case mix of the data (Efron & Tibshirani 1993, chapter 8; Van Calster
et al. 2019 use it for calibration). Patients are drawn: one with several units comes into a
resample with all of them, as often as it was drawn (Field & Welsh 2007, Journal of the Royal
Statistical Society B 69:369). Where the data name no patients, units are.

A resample is a row of whole-number weights, and statistics are functions of weights, so that
2,000 resamples are a matrix product rather than 2,000 loops. Everybody who resamples the
same units with an equally seeded generator gets the same weights: that is what makes
differences between models paired.

Percentile intervals follow Efron (1981): the 2.5 % and 97.5 % quantiles of the resamples.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import LEVEL, Estimate, Interval
from modelward.evaluate.patients import Whose, numbered
from modelward.evaluate.predictions import Floats

DRAWS = 2000
"""Resamples behind every interval, unless told otherwise."""

CELLS_AT_ONCE = 4_000_000
"""Weights held in memory at a time (32 MB), whatever the number of units."""

MOST_WITHOUT_A_FIT = 0.01
"""Share of resamples that may lack a value before an interval is withheld."""

SEED = 2026
"""Of every report: the same models give the same intervals, whatever they were seeded with,
and the same at a site, at a hub and in a simulation."""

Statistic = Callable[[Floats], Floats]
"""Weights of shape (resamples, units) in, figures of shape (resamples, k) out."""


def generator(seed: int, group: str) -> np.random.Generator:
    """Return the source of the resamples of one group of units.

    Args:
        seed: Of the report.
        group: A site's name, or "" for the units of all sites: who draws for it elsewhere,
            without knowing the other sites, draws the same.
    """
    named = np.frombuffer(sha256(group.encode()).digest()[:16], np.uint32)
    return np.random.default_rng([seed, *named.tolist()])


def by_site(site: NDArray[np.int64], owner: Whose | None) -> list[NDArray[np.intp]]:
    """Return strata that are sites: rows of each, or numbers of its patients.

    Args:
        site: Of every unit, [n].
        owner: Patient of every unit, [n], of one site each; None where each is its own.
    """
    of = site if owner is None else site[np.unique(owner, return_index=True)[1]]
    return [np.flatnonzero(of == one) for one in np.unique(of)]


def resamples(
    strata: Sequence[NDArray[np.intp]],
    draws: int,
    rng: np.random.Generator,
    owner: Whose | None = None,
) -> Iterator[Floats]:
    """Yield weights of shape (some, units) until `draws` resamples were drawn.

    Args:
        strata: Row numbers of each stratum; together every row once. With `owner`, numbers of
            patients (`Predictions.strata`).
        draws: Number of resamples, at least 1.
        rng: Source of the draws.
        owner: Patient of every unit; None where each is its own.

    Yields:
        Float64 whole numbers; within a stratum each row of weights sums to its size, counted
        in patients.
    """
    if owner is not None:
        whose = numbered(owner)
        at_once = max(1, CELLS_AT_ONCE // owner.size)
        for start in range(0, draws, at_once):
            for weights in resamples(strata, min(at_once, draws - start), rng):
                yield weights[:, whose]
        return
    units = sum(rows.size for rows in strata)
    step = max(1, CELLS_AT_ONCE // units)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        weights = np.zeros((count, units))
        for rows in strata:
            picked = rng.integers(0, rows.size, size=(count, rows.size))
            picked += np.arange(count)[:, None] * rows.size
            times = np.bincount(picked.ravel(), minlength=count * rows.size)
            weights[:, rows] = times.reshape(count, rows.size)
        yield weights


def bootstrap(
    strata: Sequence[NDArray[np.intp]],
    statistic: Statistic,
    rng: np.random.Generator,
    draws: int = DRAWS,
    owner: Whose | None = None,
) -> Floats:
    """Return `statistic` on every resample, shape (draws, k); NaN where it has no value."""
    return np.concatenate([statistic(w) for w in resamples(strata, draws, rng, owner)])


def percentile(value: float | None, drawn: Floats, owner: Whose | None = None) -> Estimate:
    """Return `value` with the percentile interval of its resamples.

    Args:
        value: The figure on the data themselves, or None if it has no value there.
        drawn: Shape (draws,); NaN or infinite where a resample has no value.
        owner: Patient of every unit, if patients were drawn; for the words of the method.
    """
    if value is None or not np.isfinite(value):
        return Estimate(None, None, "no finite value on these units")
    finite = drawn[np.isfinite(drawn)]
    lost = 1 - finite.size / drawn.size
    if lost > MOST_WITHOUT_A_FIT:
        return Estimate(value, None, f"{lost:.1%} of the resamples have no finite value")
    low, high = np.quantile(finite, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    whom = "" if owner is None else " of patients"
    method = f"stratified bootstrap{whom}, {drawn.size} resamples"
    return Estimate(value, Interval(float(low), float(high), method))
