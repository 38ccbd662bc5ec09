"""What the network knows, what nobody knows, and who could help whom: from the cards alone.

An institution knows a class, subgroup, device or feature if a card of its, on offer, not
revoked and not expired, says that it saw ten units or more. What nobody knows is a hole; what
fewer than `FEW` know is thin. Cards may be wrong: a combination in use counts only those it is
made of.

`Abstention` turns that into behaviour: an answer in a class or with a confidence that the
network has no ground for is not given. The threshold is calibrated on private validation, where
every class counts alike, as in the choice (choose.py): answered cases are right at least as
often as the local model is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelward.exchange.documents.bands import KNOWN
from modelward.exchange.documents.card import OfferCard
from modelward.exchange.families.family import Floats
from modelward.exchange.methods.probability import Labels

FEW = 2
"""Institutions that know something from which on it is not thin."""

SPARED = 0.05
"""Share of right answers on private validation that a calibrated threshold gives up."""

Item = tuple[str, str]
"""What is known: (`class`, label), (`sex`, value of a subgroup), (`equipment`, make)."""


@dataclass(frozen=True, slots=True)
class Map:
    """Who knows what.

    Attributes:
        known: Item -> institution -> lower edge of the band of units.
        wanted: Items that should be known: every label, and whatever was asked about.
        institutions: Everybody with an artifact on offer.
    """

    known: Mapping[Item, Mapping[str, int]]
    wanted: tuple[Item, ...]
    institutions: tuple[str, ...]

    @property
    def holes(self) -> tuple[Item, ...]:
        """Items that nobody knows."""
        return tuple(item for item in self.wanted if not self.known.get(item))

    @property
    def thin(self) -> tuple[Item, ...]:
        """Items that fewer than `FEW` institutions know."""
        return tuple(item for item in self.wanted if 0 < len(self.known.get(item, {})) < FEW)

    def lacks(self, institution: str) -> dict[Item, tuple[str, ...]]:
        """Return what an institution does not know, and who could help, best first."""
        found = {}
        for item in self.wanted:
            who = self.known.get(item, {})
            if institution not in who:
                found[item] = tuple(sorted(who, key=lambda name: (-who[name], name)))
        return found


def knowledge(
    cards: Iterable[OfferCard], labels: Sequence[str], asked: Iterable[Item] = ()
) -> Map:
    """Return the map of `cards`.

    Args:
        cards: Artifacts on offer that are used.
        labels: The label space; every label should be known.
        asked: Other items that should be, such as (`sex`, `female`).
    """
    known: dict[Item, dict[str, int]] = {}
    institutions = set()
    for card in cards:
        institutions.add(card.site)
        for item, units in _said(card):
            if units >= KNOWN:
                who = known.setdefault(item, {})
                who[card.site] = max(units, who.get(card.site, 0))
    wanted = dict.fromkeys([*(("class", label) for label in labels), *asked, *sorted(known)])
    return Map(known, tuple(wanted), tuple(sorted(institutions)))


@dataclass(frozen=True, slots=True)
class Abstention:
    """When an answer is given.

    Attributes:
        threshold: Least probability of the answer.
        unknown: Classes that nobody knows: never answered.
    """

    threshold: float
    unknown: frozenset[int]

    def answers(self, log_p: Floats) -> Labels:
        """Return the class of each unit, or -1 where the network abstains."""
        picked = log_p.argmax(axis=1)
        sure = np.exp(log_p.max(axis=1)) >= self.threshold
        known = ~np.isin(picked, list(self.unknown))
        return np.where(sure & known, picked, -1)


def calibrated(log_p: Floats, y: Labels, least: float, unknown: frozenset[int]) -> Abstention:
    """Return the lowest threshold at which answered validation units are right often enough.

    What nobody has seen is not among validation units, and is answered with less confidence
    than what is known: so the threshold is also not below that of the most hesitant `SPARED` of
    the right answers.

    Args:
        log_p: What the network says of private validation units.
        y: Their classes; all of them together count alike, however many units each has.
        least: Share of the answered cases that must be right: the local model's.
        unknown: Classes that nobody knows.
    """
    likely = np.exp(log_p.max(axis=1))
    picked = log_p.argmax(axis=1)
    answered = ~np.isin(picked, list(unknown))
    right, weight = picked == y, 1 / np.bincount(y)[y]
    surely = likely[answered & right]
    floor = float(np.quantile(surely, SPARED)) if surely.size else 0.0
    for threshold in np.unique(np.r_[floor, np.round(likely[likely >= floor], 3)]):
        chosen = answered & (likely >= threshold)
        if chosen.any() and np.average(right[chosen], weights=weight[chosen]) >= least:
            return Abstention(float(threshold), unknown)
    return Abstention(float("inf"), unknown)


def _said(card: OfferCard) -> list[tuple[Item, int]]:
    known = card.competence
    found = [(("class", c), n) for c, n in zip(known.labels, known.units, strict=True)]
    found += [((group.name, group.value), group.units) for group in known.groups]
    return found + [(("equipment", make), KNOWN) for make in known.equipment]
