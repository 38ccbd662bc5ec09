"""Whose test units a site counted, and predictions that its counts stand for.

A site tells how many units it has by outcome and bin, and of how many patients they are; a hub
makes of them intervals that count patients. Which units are of the same patient is not told.

    site    histogram, telling_of    counts with ten patients in every cell, and whose they are
    hub     behind, expanded         what was told, and units with patients like those
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.groups.subgroups import EVERYWHERE, FEWEST
from modelward.evaluate.measures import binned
from modelward.evaluate.measures.binned import Counts, place
from modelward.evaluate.patients import Patients, Whose, effective_number
from modelward.evaluate.predictions import Floats, Predictions
from modelward.privacy.disclosure.grouping import grouped_by_patient
from modelward.study.report_answer import PATIENTS


@dataclass(frozen=True, slots=True)
class Behind:
    """Whose test units a site, or several, counted.

    Attributes:
        patients: None where each unit is its own patient, or nobody told.
        telling: How many patients with equally many units would tell as much, of those without
            and with the outcome; None with `patients`.
    """

    patients: Patients | None = None
    telling: tuple[int, int] | None = None

    @property
    def told(self) -> bool:
        """Whether patients have several units."""
        return self.patients is not None

    def alike(self, counts: Counts) -> tuple[float, float]:
        """Return units for one that tells, of those without and with the outcome."""
        if self.telling is None:
            return 1.0, 1.0
        each = [
            n / k if k else 1.0 for n, k in zip(counts.sum(axis=1), self.telling, strict=True)
        ]
        return each[0], each[1]


def behind(tensors: Mapping[str, NDArray[Any]]) -> Behind:
    """Return whose units were counted, of one site or of a sum; of nobody if it is not told."""
    if PATIENTS not in tensors:
        return Behind()
    every, having, lacking, yes, no = (int(n) for n in np.rint(tensors[PATIENTS]))
    if not 0 < every < round(float(tensors["counts.federated"].sum())):
        return Behind()
    return Behind(Patients(every, having, lacking), (no, yes))


Told = tuple[Counts, Behind]
"""Test units by outcome and bin, and whose they are."""

EACH_ITS_OWN = Behind()


def expanded(counts: Counts, whose: Behind = EACH_ITS_OWN) -> Predictions:
    """Return one prediction for every unit counted, in the middle of its bin.

    Which units are of the same patient is not told. They are taken to be as alike as can be:
    those side by side in the order of bins, with one outcome. So intervals are as wide as such
    patients would make them, or wider.

    Args:
        counts: Units by outcome and bin.
        whose: Whose they are.
    """
    bins = counts.shape[1]
    middle = np.tile((np.arange(bins) + 0.5) / bins, 2)
    outcome = np.repeat([0, 1], bins)
    times = counts.reshape(-1)
    owner = None if whose.telling is None else _side_by_side(counts, whose.telling)
    return Predictions.of(np.repeat(outcome, times), np.repeat(middle, times), owner)


def _side_by_side(counts: Counts, telling: tuple[int, int]) -> Whose:
    """Return patients of units in the order of outcome and bin, about as many of each."""
    without, with_it = (
        np.arange(n) * max(min(k, n), 1) // n
        for n, k in zip((int(n) for n in counts.sum(axis=1)), telling, strict=True)
    )
    return np.concatenate([without, with_it + without.size])


def all_patients(told: Sequence[Told]) -> Patients | None:
    """Return the patients of several sites; None where every unit is its own at all of them."""
    if not any(each[1].told for each in told):
        return None
    sums = np.zeros(3, np.int64)
    for each in told:
        lacking, having = (int(n) for n in each[0].sum(axis=1))
        known = each[1].patients or Patients(lacking + having, having, lacking)
        sums += (known.every, known.having, known.lacking)
    return Patients(*(int(n) for n in sums))


def alike(told: Mapping[str, Told]) -> dict[str, tuple[float, float]]:
    """Return site, and "" for all of them, -> units for one that tells, by outcome."""
    found = {site: each[1].alike(each[0]) for site, each in told.items()}
    units = np.array([each[0].sum(axis=1) for each in told.values()], np.float64)
    if units.size:
        fewer = units / np.array(list(found.values()))
        sums = fewer.sum(axis=0)
        every = np.divide(units.sum(axis=0), sums, out=np.ones(2), where=sums > 0)
        found[EVERYWHERE] = float(every[0]), float(every[1])
    return found


def telling_of(one: Predictions) -> NDArray[np.float64]:
    """Return whose test units these are, as `BEHIND` names it."""
    owner = np.arange(len(one)) if one.owner is None else one.owner
    units = [np.unique(owner[one.outcome == yes], return_counts=True)[1] for yes in (1, 0)]
    telling = [effective_number(n.astype(np.float64)) if n.size else 0.0 for n in units]
    told = [one.persons, *(n.size for n in units), *(int(each + 1e-9) for each in telling)]
    return np.array(told, np.float64)


def histogram(one: Predictions, bins: int) -> Floats:
    """Return units by outcome and bin, with ten patients or nobody in every cell.

    The gate counts units, because it does not know whose they are.
    """
    if one.owner is None:
        return binned.histogram(one, bins).astype(np.float64)
    counts = np.zeros((2, bins))
    for row, chosen in enumerate((~one.outcome, one.outcome)):
        at = grouped_by_patient(
            place(one.probability[chosen], bins), one.owner[chosen], bins, FEWEST
        )
        counts[row] = np.bincount(at, minlength=bins)
    return counts
