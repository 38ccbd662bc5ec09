"""Figures of predicted lifetimes: who has the event first, and how well is when foreseen?

C-index          Harrell et al. 1996, of the time that is expected to be lost by the horizon
                 (the sum over intervals of width times the probability of the event by its
                 end). Pairs are of one hospital (recipes/statistics/concordance.py).
                 Interval: the infinitesimal jackknife (Efron 1982, chapter 6) over patients.
integrated Brier Graf et al. 1999: at each interval's end the squared error of the predicted
                 survival, weighted by the inverse probability of still being followed; the
                 mean over intervals by their width. Interval: bootstrap over patients, with
                 those weights as they are.

Being followed is estimated by Kaplan-Meier on the units that are judged; at equal times the
event is first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import Estimate, Interval, Z
from modelward.evaluate.measures.beyond import Measured, mean_of
from modelward.evaluate.patients import Whose, joined_owners, numbered, several_of
from modelward.evaluate.predictions import Floats

C_INDEX = "C-index"
BRIER = "integrated Brier score"
NO_SPREAD = "the jackknife's variance is zero on these units"
BLOCK = 512
"""Patients compared with all others at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Lives:
    """What is judged.

    Attributes:
        days: Until the event or the end of follow-up, [n].
        event: 1 where it was the event, [n].
        come: Probability that the event has come by the end of each interval, [n, intervals].
        site: Small integers, [n], equal for units of the same site.
        owner: Patient of every unit, [n]; None where each is its own.
    """

    days: Floats
    event: NDArray[np.int8]
    come: Floats
    site: NDArray[np.int64]
    owner: Whose | None = None


def joined(parts: Sequence[Lives]) -> Lives:
    """Return the units of several sites as one."""
    return Lives(
        np.concatenate([part.days for part in parts]),
        np.concatenate([part.event for part in parts]),
        np.concatenate([part.come for part in parts]),
        np.repeat(np.arange(len(parts)), [len(part.days) for part in parts]),
        joined_owners([part.owner for part in parts], [len(part.days) for part in parts]),
    )


def measure(lives: Lives, ends: Floats, rng: np.random.Generator) -> Measured:
    """Return both figures of one model on one group of units.

    Args:
        lives: The units, at least one.
        ends: Last day of each interval.
        rng: Source of the resamples.
    """
    n = len(lives.days)
    errors, behind = brier(lives, ends), several_of(np.ones(n, np.bool_), lives.owner)
    return {
        (C_INDEX, ""): (n, concordance(lives, ends), behind),
        (BRIER, ""): (n, mean_of(errors, lives.site.tolist(), rng, lives.owner), behind),
    }


def lost(come: Floats, ends: Floats) -> Floats:
    """Return the days that are expected to be lost by the horizon, [n]."""
    return np.asarray(come @ np.diff(ends, prepend=0.0))


def concordance(lives: Lives, ends: Floats) -> Estimate:
    """Return the C-index; a tie in risk is half a pair."""
    risk, right, compared = lost(lives.come, ends), *np.zeros((2, len(lives.days)))
    for one in np.unique(lives.site):
        here = np.flatnonzero(lives.site == one)
        won, met = _of_each(risk[here], lives.days[here], lives.event[here] == 1)
        right[here], compared[here] = won, met
    pairs = compared.sum() / 2
    if not pairs:
        return Estimate(None, None, "no two units can be compared")
    value = float(right.sum() / 2 / pairs)
    adds, method = (right - value * compared) / pairs, "infinitesimal jackknife"
    if lives.owner is not None:
        adds, method = np.bincount(numbered(lives.owner), adds), f"{method}, by patient"
    reach = Z * float(np.sqrt(np.square(adds).sum()))
    if not reach:  # every unit shows the same, so the jackknife has nothing to go by
        return Estimate(value, None, NO_SPREAD)
    return Estimate(value, Interval(max(0.0, value - reach), min(1.0, value + reach), method))


def _of_each(risk: Floats, days: Floats, dead: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return, per unit, its pairs that are in order and all its pairs, [n] each."""
    right, compared = np.zeros((2, len(risk)))
    for start in range(0, len(risk), BLOCK):
        rows = slice(start, start + BLOCK)
        first, here = risk[rows, None], days[rows, None]
        pair = dead[rows, None] & ((days > here) | ((days == here) & ~dead))
        won = np.where(pair, (first > risk) + 0.5 * (first == risk), 0.0)
        right[rows] += won.sum(1)
        compared[rows] += pair.sum(1)
        right += won.sum(0)
        compared += pair.sum(0)
    return right, compared


def brier(lives: Lives, ends: Floats) -> Floats:
    """Return what each unit adds to the integrated Brier score, [n]; its mean is the score."""
    days, dead = lives.days, lives.event == 1
    still, at_end = followed(days, dead, days), followed(days, dead, ends)
    total = np.zeros(len(days))
    for place, width in enumerate(np.diff(ends, prepend=0.0)):
        end, come = ends[place], lives.come[:, place]
        gone = dead & (days <= end)
        here = (days > end) | ((days == end) & ~dead)
        total[gone] += width * (1 - come[gone]) ** 2 / still[gone]
        total[here] += width * come[here] ** 2 / at_end[place]
    return np.asarray(total / ends[-1])


def followed(days: Floats, dead: NDArray[np.bool_], at: Floats) -> Floats:
    """Return the probability of being followed up to just before each day of `at`."""
    left, gone = np.unique(days[~dead], return_counts=True)
    later = len(days) - np.searchsorted(np.sort(days), left, side="right")
    curve = np.concatenate([[1.0], np.cumprod(1 - gone / (later + gone))])
    return np.asarray(curve[np.searchsorted(left, at, side="left")])
