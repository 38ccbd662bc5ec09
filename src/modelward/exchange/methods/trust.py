"""Who is used: a yes or no per artifact, with its reason, that a person can overrule.

Over signed reports of admitted institutions, one voice each:

    skill_rj = (mean class recall - 1/K) / (1 - 1/K)   reported by r on artifact j
    score_j  = median over reporters r
    used     if score_j > 0.5 median(scores)

The median of reporters withstands a lying minority of them; the gate is binary because
weights that follow the score collapsed in the measured comparison (75 to 34). Old reports
fade out. Nobody is left out in silence: `Standing` says why, and the site concerned reads the
same page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import numpy as np

from modelward.exchange.families.family import Floats

HALF = 0.5
"""Share of the median score below which an artifact is not used."""

FADES = timedelta(days=180)
"""Age at which a report no longer counts; judgements of a model age with its patients."""

APART = 0.5
"""Distance in skill, to the nearest other reporter, beyond which one is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What one institution found of one artifact on its own private validation.

    Attributes:
        reporter: Who says so.
        card: SHA-256 of the artifact's card.
        recalls: Per class, NaN where the reporter has too few units to say, [classes].
        made: When.
    """

    reporter: str
    card: str
    recalls: Floats
    made: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whether one artifact is used.

    Attributes:
        card: Which.
        score: Median skill over reporters; None without a report.
        reporters: How many were heard.
        used: Whether it is.
        reason: Why, in words.
    """

    card: str
    score: float | None
    reporters: int
    used: bool
    reason: str


def skill(recalls: Floats) -> float | None:
    """Return 0 for guessing and 1 for no mistake; None if no class could be judged.

    >>> skill(np.array([0.75, 0.75]))
    0.5
    """
    judged = recalls[~np.isnan(recalls)]
    if not judged.size:
        return None
    chance = 1 / recalls.size
    return float((judged.mean() - chance) / (1 - chance))


def latest(reports: Sequence[Report], now: datetime) -> list[Report]:
    """Return the last report of each institution on each artifact that has not faded."""
    found: dict[tuple[str, str], Report] = {}
    for each in sorted(reports, key=lambda report: (report.made, report.reporter)):
        if now - each.made < FADES:
            found[each.reporter, each.card] = each
    return [found[key] for key in sorted(found)]


def standings(
    cards: Mapping[str, str],
    reports: Sequence[Report],
    now: datetime,
    overrides: Mapping[str, tuple[bool, str]] | None = None,
) -> dict[str, Standing]:
    """Return the standing of every artifact.

    Args:
        cards: Card -> who made it; only reports on these count, and none of the maker's own.
        reports: Of admitted institutions.
        now: The time.
        overrides: Card -> what a named person decided, and why.
    """
    heard: dict[str, list[float]] = {card: [] for card in cards}
    for each in latest(reports, now):
        said = skill(each.recalls)
        if each.card in cards and each.reporter != cards[each.card] and said is not None:
            heard[each.card].append(said)
    scores = {card: median(said) for card, said in heard.items() if said}
    bar = HALF * median(scores.values()) if scores else 0.0
    found = {}
    for card in sorted(cards):
        used, reason = _gate(scores.get(card), bar)
        if overrides and card in overrides:
            used, why = overrides[card]
            reason = f"{why} (a person's decision; the gate said: {reason})"
        found[card] = Standing(
            card=card,
            score=scores.get(card),
            reporters=len(heard[card]),
            used=used,
            reason=reason,
        )
    return found


def disagreeing(reports: Sequence[Report], now: datetime) -> dict[str, float]:
    """Return reporters that are far from all others, with their median distance in skill.

    They are shown to a person; a hospital with other patients may be right.
    """
    by_card: dict[str, dict[str, float]] = {}
    for each in latest(reports, now):
        said = skill(each.recalls)
        if said is not None:
            by_card.setdefault(each.card, {})[each.reporter] = said
    apart: dict[str, list[float]] = {}
    for skills in by_card.values():
        for reporter, own in skills.items():
            others = [value for name, value in skills.items() if name != reporter]
            if len(others) > 1:
                apart.setdefault(reporter, []).append(min(abs(own - each) for each in others))
    far = {name: float(median(each)) for name, each in sorted(apart.items())}
    return {name: distance for name, distance in far.items() if distance > APART}


def _gate(score: float | None, bar: float) -> tuple[bool, str]:
    if score is None:
        return False, "no institution has reported on it yet"
    if score > bar:
        return True, f"score {score:.2f} is above {bar:.2f}, half the network's median"
    return False, f"score {score:.2f} is not above {bar:.2f}, half the network's median"
