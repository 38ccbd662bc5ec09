"""Several units of one patient: errors that are made of patients, not of units.

Ten images of one child tell less than one image of each of ten children. An estimate that is
a mean over units is taken apart into what each patient's units add to its error, and the
variance is the sum of their squares: Obuchowski's for AUC (1997, Biometrics 53:567), which is
DeLong's where every patient has one unit, and the usual one of a ratio for shares. Patients
have a part among units with the outcome, a, and a part among those without, b; who has both
adds a covariance:

    variance = I10/(I10-1) sum a^2 + I01/(I01-1) sum b^2 + 2 I/(I-1) sum a b

with I10 patients with the outcome, I01 without, I in all. Freedom is Satterthwaite's over
three kinds of patients (only with, only without, both), where a kind of unequal patients
counts as fewer: (sum w)^2 / sum w^2 with w the square of a patient's share of the units
(Young 2016; Carter et al. 2017, Review of Economics and Statistics 99:698). With one unit a
patient that is DeLong's freedom.

Shares have Wilson's interval with the number of units that would tell as much if they were
independent (Rao and Scott 1992, Biometrics 48:577), less by (z/t)^2 for few patients (Korn and
Graubard 1998, Survey Methodology 24:193).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import Estimate, Interval, Z, proportion, t_quantile, wilson

Floats = NDArray[np.float64]
Whose = NDArray[np.intp]
"""Patient of every unit, [n]: the same number for units of the same patient."""

FEWEST_EITHER_WAY = 5
"""Patients with a yes, and with a no, that the likeness of a patient's units is read from."""

LEAST = 0.5
"""Freedom of a kind of whom there is hardly one patient."""

CLUSTERED = "Wilson, by patient"


@dataclass(frozen=True, slots=True)
class Patients:
    """Who stands behind units, where a patient has several.

    Attributes:
        every: Patients.
        having: Those with a unit whose outcome happened.
        lacking: Those with a unit whose outcome did not happen; some may be both.
    """

    every: int
    having: int
    lacking: int

    @property
    def fewest(self) -> int:
        """Patients of the outcome that fewer have; 0 if all units have the same."""
        return min(self.having, self.lacking)


def tested(units: int, unit: str, patients: Patients | None) -> str:
    """Return whom a model was judged on, such as "212 test images of 60 patients"."""
    whose = "" if patients is None else f" of {patients.every:,} patients"
    return f"{units:,} test {called(unit, patients)}s{whose}"


def called(unit: str, patients: Patients | None) -> str:
    """Return what a unit is called where patients have several: such a one is no patient."""
    return "unit" if unit == "patient" and patients is not None else unit


def numbered(owner: Whose) -> Whose:
    """Return patients numbered from 0 without gaps, in the order of their numbers."""
    found: Whose = np.unique(owner, return_inverse=True)[1].astype(np.intp)
    return found


def summed(values: Floats, whose: Whose, count: int) -> Floats:
    """Return the sum of each patient's values, [count]; patients are numbered from 0."""
    sums: Floats = np.bincount(whose, values, count).astype(np.float64)
    return sums


def several(owner: Whose) -> bool:
    """Return whether a patient has several units."""
    return np.unique(owner).size < owner.size


def persons(chosen: NDArray[np.bool_], owner: Whose | None) -> int:
    """Return how many patients the chosen units are of, [n]; None: each is its own."""
    return int(np.count_nonzero(chosen)) if owner is None else np.unique(owner[chosen]).size


def owners_of(chosen: NDArray[np.bool_] | Whose, owner: Whose | None) -> Whose | None:
    """Return whose the chosen units are, chosen by a mask or by row; None: each is its own."""
    return None if owner is None else owner[chosen]


def several_of(chosen: NDArray[np.bool_], owner: Whose | None) -> int | None:
    """Return how many patients the chosen units are of; None where each unit is its own."""
    return None if owner is None else persons(chosen, owner)


def joined_owners(owners: Sequence[Whose | None], sizes: Sequence[int]) -> Whose | None:
    """Return the patients of several sites' units as one; None if each unit is its own.

    Args:
        owners: Of each site's units; None where each is its own patient.
        sizes: Units of each site.
    """
    if all(owner is None for owner in owners):
        return None
    found, first = [], 0
    for owner, size in zip(owners, sizes, strict=True):
        here = np.arange(size) if owner is None else numbered(owner)
        found.append(here + first)
        first += int(here.max(initial=-1)) + 1
    return np.concatenate(found).astype(np.intp)


def each_in_one(cells: NDArray[np.int64], whose: Whose) -> NDArray[np.int64]:
    """Return one of the cells of every patient, [patients]: the one with the fewest so far.

    Counts of it are additive, and never above the patients of a cell, or of several together.

    Args:
        cells: Cell of every unit, [n], from 0.
        whose: Patient of every unit, numbered from 0.
    """
    pairs = np.unique(np.stack([whose, cells], axis=1), axis=0)
    first = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    held = np.split(pairs[:, 1], first[1:])
    filled = np.zeros(int(cells.max(initial=0)) + 1, np.int64)
    found = np.zeros(len(held), np.int64)
    for patient in sorted(range(len(held)), key=lambda n: len(held[n])):
        found[patient] = min(held[patient], key=lambda cell: (filled[cell], cell))
        filled[found[patient]] += 1
    return found


def patients_of(outcome: NDArray[np.bool_], owner: Whose) -> Patients:
    """Return how many patients there are, by outcome."""
    return Patients(
        *(np.unique(each).size for each in (owner, owner[outcome], owner[~outcome]))
    )


def two_sample(
    with_it: Floats, without: Floats, outcome: NDArray[np.bool_], owner: Whose
) -> tuple[float, float]:
    """Return the standard error of what is a mean over positives and one over negatives.

    AUC is both at once: of V10 and of V01.

    Args:
        with_it: A value of each unit with the outcome, such as its placement value.
        without: The same of each unit without it.
        outcome: Which is which, [n]; both are there, each of two patients or more.
        owner: Patient of every unit, [n].

    Returns:
        The error, at least 0, and the freedom, at least 1.
    """
    a, b = parts_of(with_it, without, outcome, owner)
    whose = numbered(owner)
    m, n = (np.bincount(whose, chosen, a.size) for chosen in (outcome, ~outcome))
    having, lacking = np.count_nonzero(m), np.count_nonzero(n)
    s10 = float(a @ a) * having / (having - 1)
    s01 = float(b @ b) * lacking / (lacking - 1)
    both = float(a @ b) * a.size / (a.size - 1)
    total = s10 + s01 + 2 * both
    if total < np.finfo(np.float64).eps ** 2:
        return 0.0, float(max(a.size - 2, 1))
    return sqrt(total), _satterthwaite(a + b, (m, n), total)


def _satterthwaite(
    parts: Floats, units: tuple[NDArray[np.intp], NDArray[np.intp]], variance: float
) -> float:
    """Return the freedom of a variance, at least 1.

    Patients with one outcome only are spread about one mean, and each kind loses one freedom
    for it; of those with both, each mean takes as much as it has of them.

    Args:
        parts: What each patient adds to the error, [patients].
        units: How many units with the outcome each has, and how many without.
        variance: Of all together, above 0.
    """
    m, n = units
    weight = (m / m.sum() + n / n.sum()) ** 2
    spread = 0.0
    for kind in ((m > 0) & (n == 0), (m == 0) & (n > 0), (m > 0) & (n > 0)):
        size = int(kind.sum())
        if not size:
            continue
        of_means = ((kind & (each > 0)).sum() / np.count_nonzero(each) for each in units)
        lost = float(max(of_means))
        own = float((parts[kind] ** 2).sum()) * size / max(size - lost, LEAST)
        spread += own**2 / max(effective_number(weight[kind]) - lost, LEAST)
    return max(variance**2 / spread, 1.0)


def parts_of(
    with_it: Floats, without: Floats, outcome: NDArray[np.bool_], owner: Whose
) -> tuple[Floats, Floats]:
    """Return what each patient's units add to the error of either mean, [patients] each.

    Patients are in the order of their numbers.
    """
    whose = numbered(owner)
    count = int(whose.max()) + 1
    a = summed((with_it - with_it.mean()) / with_it.size, whose[outcome], count)
    b = summed((without - without.mean()) / without.size, whose[~outcome], count)
    return a, b


def effective_number(weight: Floats) -> float:
    """Return how many equal patients tell as much as patients of these weights, at least 1."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def mean_parts(values: Floats, owner: Whose) -> Floats:
    """Return what each patient's units add to the error of their mean, [patients]."""
    whose = numbered(owner)
    return summed((values - values.mean()) / values.size, whose, int(whose.max()) + 1)


def spread_of(parts: Floats) -> float:
    """Return the variance of an estimate from what patients add to its error; 0 of one."""
    return float(parts @ parts) * parts.size / max(parts.size - 1, 1)


def mean_error(values: Floats, owner: Whose) -> float:
    """Return the standard error of the mean over units; 0 of one patient."""
    return sqrt(spread_of(mean_parts(values, owner)))


def freedom_of(owner: Whose, means: int = 2) -> float:
    """Return the freedom of errors about so many means, at least 1; less if patients differ."""
    weight = np.bincount(numbered(owner)).astype(np.float64) ** 2
    return max(effective_number(weight) - means, 1.0)


def shared(one: tuple[Whose, Floats], other: tuple[Whose, Floats]) -> float:
    """Return the covariance of two estimates on units of which some are of the same patients.

    Args:
        one: Patients, each once, and what each adds to the error of the first estimate.
        other: The same of the second.
    """
    _, here, there = np.intersect1d(one[0], other[0], assume_unique=True, return_indices=True)
    patients = one[0].size + other[0].size - here.size
    if not here.size or patients < 2:  # noqa: PLR2004 - one patient shows no likeness
        return 0.0
    return float(one[1][here] @ other[1][there]) * patients / (patients - 1)


def rate(right: NDArray[np.bool_], owner: Whose | None, *, empty: str) -> Estimate:
    """Return a share of units with Wilson's interval, or the note `empty` if there are none.

    Args:
        right: Whether each unit counts, [n].
        owner: Patient of every unit, [n]; None where each is its own.
        empty: Why there is no share of nobody.
    """
    if owner is None or not right.size:
        return proportion(int(right.sum()), right.size, empty=empty)
    return Estimate(float(right.mean()), share_interval(right, owner))


def share_interval(right: NDArray[np.bool_], owner: Whose | None) -> Interval:
    """Return Wilson's interval of a share of units, at least one; args are those of `rate`."""
    if owner is None:
        return wilson(int(right.sum()), right.size)
    telling = telling_units(right, owner)
    ends = wilson(float(right.mean()) * telling, telling)
    return Interval(ends.low, ends.high, CLUSTERED)


def telling_units(right: NDArray[np.bool_], owner: Whose) -> float:
    """Return how many independent units would tell as much of a share as these, at least 1.

    Where fewer than five patients have a yes, or a no, their units show nothing of how like
    those of one patient are: each patient then counts once, and unequal ones for less.
    """
    whose = numbered(owner)
    units = np.bincount(whose).astype(np.float64)
    yes, n = np.bincount(whose, right), right.size
    either = min(np.count_nonzero(yes), np.count_nonzero(units - yes))
    if either < FEWEST_EITHER_WAY:
        return effective_number(units)
    share = float(right.mean())
    parts = mean_parts(right.astype(np.float64), owner)
    spread = float(parts @ parts)
    telling = min(share * (1 - share) / spread, n) if spread else float(n)
    return max(telling * (Z / t_quantile(freedom_of(owner, 1))) ** 2, 1.0)
