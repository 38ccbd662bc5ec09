"""Does the model rank the ill above the healthy?

AUC is the Mann-Whitney probability that a positive gets a higher probability than a
negative, ties counting one half. Its variance is DeLong's (DeLong, DeLong & Clarke-Pearson
1988, Biometrics 44:837) by ranks, as Sun & Xu have it (2014, IEEE Signal Processing Letters
21:1389), O(n log n). Names follow Sun & Xu: m positives, n negatives, V10, V01.

DeLong's variance is the one of two independent means of placement values, m and n of them,
so intervals use Student's t with Satterthwaite's degrees of freedom, as Brunner & Munzel
(2000, Biometrical Journal 42:17) do for the same quantity. With many units that is the
usual 1.96; in a hospital with a dozen negatives the usual 1.96 is too short. Where a model
makes hardly a mistake, the variance itself is too small (near_perfect.py). Where patients have
several units, variance and freedom are Obuchowski's (patients.py), DeLong's for clusters.
"""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from modelward.evaluate.estimate import Estimate, Interval, t_quantile
from modelward.evaluate.measures.near_perfect import apart, few_mistakes
from modelward.evaluate.patients import Whose, owners_of, rate, two_sample
from modelward.evaluate.predictions import Floats, Predictions, require_pairs

ONE_CLASS = "all units have the same outcome"
SINGLE_MEMBER = "only one unit has one of the two outcomes, too few for a variance"
SINGLE_PATIENT = "only one patient has one of the two outcomes, too few for a variance"
PERFECT = "the ranking is perfect (or perfectly wrong), so DeLong's variance is zero"
NO_SPREAD = "DeLong's variance is zero on these units"

PAIRED = "paired DeLong"
WIDER = "the wider of paired DeLong and Newcombe"
"""Of a difference where a model puts fewer than 5 units of an outcome out of order."""

ALONE = "DeLong, logit scale"

BY_PATIENT = {
    ALONE: "Obuchowski by patient, logit scale",
    PAIRED: "paired Obuchowski, by patient",
    WIDER: "the wider of paired Obuchowski and Newcombe, by patient",
}
"""What these are called where patients have several units."""


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """What DeLong's variance is made of.

    Attributes:
        v10: Shape (m,); for each positive, the share of negatives ranked below it.
        v01: Shape (n,); for each negative, the share of positives ranked above it.
    """

    v10: Floats
    v01: Floats

    @property
    def auc(self) -> float:
        """Mann-Whitney AUC, 0 to 1."""
        return float(self.v10.mean())


def placements(predictions: Predictions) -> Placements:
    """Return the placement values. Needs both outcomes.

    Sun & Xu's algorithm 2 takes the midrank of a positive among all units minus its midrank
    among positives. That is the number of negatives below it, and half of those level with
    it, which one sort of all units gives.
    """
    y, p = predictions.outcome, predictions.probability
    m, n = predictions.positives, predictions.negatives
    order = np.argsort(p, kind="stable")
    ranked, yes = p[order], y[order]
    first = np.concatenate([[0], np.flatnonzero(ranked[1:] != ranked[:-1]) + 1])
    last = np.append(first[1:], y.size)
    positives = np.concatenate([[0], np.cumsum(yes)])
    negatives = np.arange(y.size + 1) - positives
    place = np.empty(y.size, np.intp)  # which run of equal values a unit is in
    place[order] = np.repeat(np.arange(first.size), last - first)
    below = (negatives[first] + negatives[last]) / 2
    under = (positives[first] + positives[last]) / 2
    return Placements(below[place[y]] / n, 1 - under[place[~y]] / m)


def auc(predictions: Predictions) -> Estimate:
    """Return the AUC with DeLong's interval, computed on the logit scale to stay in 0 to 1.

    No value if all units have the same outcome; no interval if an outcome has a single
    patient or the AUC is exactly 0 or 1.
    """
    if predictions.smaller_class == 0:
        return Estimate(None, None, ONE_CLASS)
    placed = placements(predictions)
    value = placed.auc
    if predictions.fewest_patients == 1:
        return Estimate(value, None, _single(predictions))
    if value in {0.0, 1.0}:
        return Estimate(value, None, PERFECT)
    error, freedom = error_of(placed.v10, placed.v01, predictions)
    if error == 0:
        return Estimate(value, None, NO_SPREAD)
    centre = log(value / (1 - value))
    half = t_quantile(freedom) * error / (value * (1 - value))
    return Estimate(
        value,
        Interval(expit(centre - half), expit(centre + half), method_of(ALONE, predictions)),
    )


def auc_difference(first: Predictions, second: Predictions) -> Estimate:
    """Return AUC(first) - AUC(second) on the same units, with the paired DeLong interval.

    The variance of the difference is that of the differences of placement values, which is
    DeLong's S11 + S22 - 2 S12. If both models rank the units alike, the interval is [0, 0],
    unless the ranking is perfect: then, and wherever one of them makes hardly a mistake, it is
    held to be as wide as Newcombe's at least (near_perfect.py).

    Raises:
        DataError: If the two were judged on different units.
    """
    require_pairs(first, second)
    if first.smaller_class == 0:
        return Estimate(None, None, ONE_CLASS)
    one, two = placements(first), placements(second)
    value = one.auc - two.auc
    if first.fewest_patients == 1:
        return Estimate(value, None, _single(first))
    error, freedom = error_of(one.v10 - two.v10, one.v01 - two.v01, first)
    if error == 0 and value != 0:
        return Estimate(value, None, NO_SPREAD)
    half = t_quantile(freedom) * error
    low, high, method = value - half, value + half, PAIRED
    few = few_mistakes((one.v10, one.v01), (two.v10, two.v01), owners=_by_outcome(first))
    if few and not _alike(first, second, perfect=one.auc in {0.0, 1.0}):
        known = first.patients
        sizes = (known.having, known.lacking) if known else (first.positives, first.negatives)
        least, most = apart(one.auc, two.auc, sizes, _correlation(one, two, error, first))
        low, high, method = min(low, least), max(high, most), WIDER
    interval = Interval(max(low, -1.0), min(high, 1.0), method_of(method, first))
    return Estimate(value, interval)


def method_of(method: str, predictions: Predictions) -> str:
    """Return the name of a method on these units: another one where it goes by patients."""
    return method if predictions.owner is None else BY_PATIENT[method]


def _single(predictions: Predictions) -> str:
    return SINGLE_MEMBER if predictions.owner is None else SINGLE_PATIENT


def _by_outcome(predictions: Predictions) -> tuple[Whose, Whose] | None:
    """Return the patients of positives and of negatives; None where each unit is its own."""
    owner, y = predictions.owner, predictions.outcome
    return None if owner is None else (owner[y], owner[~y])


def _alike(first: Predictions, second: Predictions, *, perfect: bool) -> bool:
    """Return whether two models rank alike; of a perfect ranking, whether they are the same."""
    p, q = (
        each if perfect else np.unique(each, return_inverse=True)[1]
        for each in (first.probability, second.probability)
    )
    return np.array_equal(p, q)


def _correlation(
    one: Placements, two: Placements, error: float, predictions: Predictions
) -> float:
    """Return DeLong's correlation of two AUCs whose difference has this error; 0 for none."""
    a, _ = error_of(one.v10, one.v01, predictions)
    b, _ = error_of(two.v10, two.v01, predictions)
    return min(max((a * a + b * b - error * error) / (2 * a * b), -1.0), 1.0) if a * b else 0.0


def error_of(v10: Floats, v01: Floats, predictions: Predictions) -> tuple[float, float]:
    """Return the standard error and freedom of placement values on these units.

    Args:
        v10: Placement values (or differences of them) of positives.
        v01: The same of negatives.
        predictions: Whose they are; at least 2 patients have either outcome.
    """
    if predictions.owner is None:
        return standard_error(v10, v01)
    return two_sample(v10, v01, predictions.outcome, predictions.owner)


def standard_error(v10: Floats, v01: Floats) -> tuple[float, float]:
    """Return DeLong's standard error and Satterthwaite's degrees of freedom.

    Args:
        v10: At least 2 placement values (or differences of them) of positives.
        v01: The same of negatives.

    Returns:
        The error, at least 0, and the freedom, from min(m, n) - 1 to m + n - 2.
    """
    s10 = float(v10.var(ddof=1)) / v10.size
    s01 = float(v01.var(ddof=1)) / v01.size
    total = s10 + s01
    if total < np.finfo(np.float64).eps ** 2:
        return 0.0, float(v10.size + v01.size - 2)
    spread = s10**2 / (v10.size - 1) + s01**2 / (v01.size - 1)
    return sqrt(total), total**2 / spread


def accuracy(predictions: Predictions, *, threshold: float = 0.5) -> Estimate:
    """Return the share of units on the right side of `threshold`, with Wilson's interval.

    A probability equal to the threshold counts as a yes.
    """
    said_yes = predictions.probability >= threshold
    return rate(said_yes == predictions.outcome, predictions.owner, empty="")


def sensitivity(predictions: Predictions, *, threshold: float = 0.5) -> Estimate:
    """Return the share of positives that get a yes at `threshold`, with Wilson's interval."""
    return yes_among(predictions, threshold, sick=True, empty="no unit has the outcome")


def specificity(predictions: Predictions, *, threshold: float = 0.5) -> Estimate:
    """Return the share of negatives that get a no at `threshold`, with Wilson's interval."""
    well = ~predictions.outcome
    right, whose = predictions.probability[well] < threshold, owners_of(well, predictions.owner)
    return rate(right, whose, empty="every unit has the outcome")


def yes_among(
    predictions: Predictions, threshold: float, *, sick: bool, empty: str
) -> Estimate:
    """Return the share of those with the outcome, or without, that get a yes; Wilson."""
    chosen = predictions.outcome == sick
    yes = predictions.probability[chosen] >= threshold
    return rate(yes, owners_of(chosen, predictions.owner), empty=empty)


def expit(logit: float) -> float:
    """Return 1 / (1 + exp(-logit)), without overflow."""
    if logit >= 0:
        return 1 / (1 + exp(-logit))
    return exp(logit) / (1 + exp(logit))
