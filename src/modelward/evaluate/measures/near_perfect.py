"""How far apart can two AUCs be, when a model puts hardly a unit out of order?

DeLong's variance is that of what was seen. Where all or nearly all pairs are in order it is
next to nothing, though the next ten patients may well hold a mistake: with ten of either
outcome two models without one had the interval [0, 0]. Here each AUC has the interval of
Newcombe (2006, Statistics in Medicine 25:559, method 5), which solves |A - t| = z s(t) with
the variance of Hanley and McNeil (1982) taken at the end t itself, so that it has a width at
A = 1 too. The two are joined by square-and-add with their correlation (Zou and Donner 2008,
Statistics in Medicine 27:1693).

Which interval is used is discrimination.py's.
"""

from math import sqrt

from modelward.evaluate.estimate import Z
from modelward.evaluate.patients import Whose, persons
from modelward.evaluate.predictions import Floats

FEWEST_MISTAKES = 5
"""Patients of each outcome of whom a model has to put a unit out of order before DeLong's
variance is taken by itself (as n p >= 5 for a share; Brown et al. 2001)."""

HALVINGS = 60


def few_mistakes(
    *placed: tuple[Floats, Floats], owners: tuple[Whose, Whose] | None = None
) -> bool:
    """Return whether a model puts units of fewer than 5 patients of an outcome out of order.

    Args:
        placed: Of each model, placement values V10 of positives and V01 of negatives. One that
            ranks perfectly wrong is turned: few in order are as few.
        owners: Patients of positives and of negatives; None where each unit is its own.
    """
    whose = owners or (None, None)
    return any(
        min(persons(v < 1, mine), persons(v > 0, mine)) < FEWEST_MISTAKES
        for both in placed
        for v, mine in zip(both, whose, strict=True)
    )


def alone(auc: float, m: int, n: int) -> tuple[float, float]:
    """Return Newcombe's interval of one AUC, 0 to 1, from m positives and n negatives."""
    half = (m + n) / 2 - 1

    def beyond(t: float) -> bool:
        spread = t * (1 - t) * (1 + half * (1 - t) / (2 - t) + half * t / (1 + t)) / (m * n)
        return abs(auc - t) > Z * sqrt(spread)

    def end(outside: float) -> float:
        inside = auc
        for _ in range(HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if beyond(middle) else (middle, outside)
        return inside

    return end(0.0), end(1.0)


def apart(
    first: float, second: float, sizes: tuple[int, int], correlation: float
) -> tuple[float, float]:
    """Return the interval of the difference of two AUCs on the same units.

    Args:
        first: The one.
        second: The other, taken from it.
        sizes: Positives and negatives.
        correlation: Of the two estimates, -1 to 1; 0 where it is not known.
    """
    (low, high), (less, more) = alone(first, *sizes), alone(second, *sizes)

    def reach(one: float, other: float) -> float:
        return sqrt(max(one**2 - 2 * correlation * one * other + other**2, 0.0))

    value = first - second
    return value - reach(first - low, more - second), value + reach(high - first, second - less)
