"""The difference of two Brier scores at one site, where one outcome may be rare or absent.

Which of two models has the better Brier score hangs on how often the outcome happens: of
sixteen patients who are all ill, whoever says yes to everybody looks best. A resample of these
sixteen holds nobody who is healthy, so a bootstrap has no doubt about it. Here the mean of the
two outcomes' differences is taken apart, d = (1 - s) a + s b, with s the share of the rarer
outcome, and put together again by square-and-add (Zou and Donner 2008, Statistics in Medicine
27:1693):

    s        Wilson's interval, which is wider than a point where nobody has the outcome
    a, b     mean difference of either outcome, with its standard error and Student's t. Of
             fewer than five units the spread of b is that of everybody's predictions, judged
             as if the rarer outcome had happened; of none, b is their mean as well

Where patients have several units, patients are counted in place of units, standard errors are
made of patients (patients.py), and Wilson's interval is that of as many independent units.

Squares are added: the end of d for s, and those of a and b (s at its upper end if there are
fewer than five). `test_brier_difference.py` measures how often the truth is outside.
"""

from math import sqrt

import numpy as np

from modelward.evaluate.estimate import Estimate, Interval, Z, t_quantile, wilson
from modelward.evaluate.measures.multiplicity import two_sided
from modelward.evaluate.patients import (
    Whose,
    freedom_of,
    mean_error,
    numbered,
    persons,
    spread_of,
    summed,
    telling_units,
)
from modelward.evaluate.predictions import FEWEST_IN_STRATUM, Booleans, Floats, Predictions

METHOD = "square-and-add, share by Wilson"

BY_PATIENT = "square-and-add by patient, share by Wilson"

FEWEST = 4
"""Patients of a site below which there is no interval: two of the commoner outcome."""


def brier_difference(first: Predictions, second: Predictions) -> Estimate:
    """Return Brier(first) - Brier(second) on the units of one site, with its interval.

    Args:
        first: One model.
        second: The other, on the same units in the same order.
    """
    y = first.outcome.astype(np.float64)
    gap = _gaps(first, second, y)
    if first.owner is not None:
        return _by_patient(first, gap, _gaps(first, second, 1 - y), first.owner)
    value, n = float(gap.mean()), y.size
    if n < FEWEST:
        return Estimate(value, None, f"fewer than {FEWEST} units")
    rare = first.outcome if first.positives <= first.negatives else ~first.outcome
    few = int(rare.sum())
    share, ends = few / n, wilson(few, n)
    if_rare = np.where(rare, gap, _gaps(first, second, 1 - y))
    known = gap[rare] if few else if_rare
    step = float(known.mean() - gap[~rare].mean())
    scarce = few < FEWEST_IN_STRATUM
    spread = (if_rare if scarce else known).var(ddof=1) / max(few, 1)
    error = (1 - share) ** 2 * gap[~rare].var(ddof=1) / (n - few)
    error += (ends.high if scarce else share) ** 2 * spread
    within = t_quantile(n - 2) ** 2 * float(error)
    reach = sorted([step * (ends.low - share), step * (ends.high - share)])
    low, high = value - sqrt(reach[0] ** 2 + within), value + sqrt(reach[1] ** 2 + within)
    return Estimate(value, Interval(low, high, METHOD))


def _by_patient(first: Predictions, gap: Floats, turned: Floats, owner: Whose) -> Estimate:
    """Return the same where patients have several units.

    Args:
        first: For who has the outcome.
        gap: Difference of squared errors of every unit.
        turned: The same if the outcome had been the other one.
        owner: Patient of every unit.
    """
    value, n = float(gap.mean()), gap.size
    if first.persons < FEWEST:
        return Estimate(value, None, f"fewer than {FEWEST} patients")
    rare = first.outcome if first.positives <= first.negatives else ~first.outcome
    few, scarce = int(rare.sum()), persons(rare, owner) < FEWEST_IN_STRATUM
    share, telling = few / n, telling_units(rare, owner)
    ends = wilson(share * telling, telling)
    if_rare = np.where(rare, gap, turned)
    step = float((gap[rare] if few else if_rare).mean() - gap[~rare].mean())
    parts = _about(gap, ~rare, owner)
    if not scarce:
        parts = parts + _about(gap, rare, owner)
    within = spread_of(parts)
    if scarce:
        alike = parts.size / max(persons(rare, owner), 1)
        within += ends.high**2 * mean_error(if_rare, owner) ** 2 * alike
    within *= t_quantile(freedom_of(owner)) ** 2
    reach = sorted([step * (ends.low - share), step * (ends.high - share)])
    low, high = value - sqrt(reach[0] ** 2 + within), value + sqrt(reach[1] ** 2 + within)
    return Estimate(value, Interval(low, high, BY_PATIENT))


def _about(gap: Floats, chosen: Booleans, owner: Whose) -> Floats:
    """Return what the chosen units of each patient add to the mean over all, [patients]."""
    about = np.where(chosen, gap - gap[chosen].mean(), 0.0)
    return summed(about / gap.size, numbered(owner), np.unique(owner).size)


def brier_chance(found: Estimate) -> float | None:
    """Return the two-sided p value of such a difference; None without an interval.

    By the width of the interval on the side of 0: below 0.05 where it leaves 0 out.
    """
    if found.interval is None or found.value is None:
        return None
    end = found.interval.low if found.value > 0 else found.interval.high
    return two_sided(found.value, abs(found.value - end) / Z)


def _gaps(first: Predictions, second: Predictions, y: Floats) -> Floats:
    gaps: Floats = (first.probability - y) ** 2 - (second.probability - y) ** 2
    return gaps
