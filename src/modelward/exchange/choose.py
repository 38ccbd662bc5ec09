"""Which candidate to use, with the local model as the floor: adopt only if better.

Every candidate is computed and judged on private validation, class by class; nobody chooses
on a test set. Two questions can be asked, and they have different answers:

    the network's population   every class counts alike, also those this site has never
                               validated: for these, peers' signed reports stand in
    my population              the site's own validation units and nothing else; labelled so,
                               because what is best here can be far from best elsewhere

Differences are paired where both answers are at hand (own units), and unpaired and so wider
where only recalls were reported. The interval is that of a stratified mean (Cochran 1977,
equation 5.7): the variances of the classes add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

import numpy as np

from modelward.evaluate.estimate import Z
from modelward.exchange.families.family import Floats
from modelward.exchange.probability import Labels

LOCAL = "local"
"""The candidate that is always there: the site's own model alone."""

ENOUGH = 10
"""Own units of a class from which on they alone speak for it; below, peers' reports do."""

FEW = 2
"""Own units of a class below which they say nothing, even where nobody else does."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a peer reported of one class.

    Attributes:
        recall: Share recognised.
        units: Lower end of the band of its validation units.
    """

    recall: float
    units: int


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of one candidate.

    Attributes:
        right: Whether it recognised each own validation unit, [n].
        told: Per class, what trusted peers reported of it.
    """

    right: Floats
    told: Mapping[int, Sequence[Told]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        chosen: Name of the candidate to use.
        best: Name of the best candidate, which may have failed to beat the local model.
        difference: Balanced accuracy of the best minus the local model's.
        low: Lower end of its 95 % interval.
        high: Upper end.
        adopted: Whether the local model gives way; a person has to agree before it does.
        population: Whose balanced accuracy this is.
        reason: Why, in words.
    """

    chosen: str
    best: str
    difference: float
    low: float
    high: float
    adopted: bool
    population: str
    reason: str


def recall_of(evidence: Evidence, y: Labels, cls: int) -> float | None:
    """Return a candidate's recall of one class: own units first, else the peers' median."""
    own, told = evidence.right[y == cls], evidence.told.get(cls, ())
    if own.size >= ENOUGH or (own.size >= FEW and not told):
        return float(own.mean())
    return median(each.recall for each in told) if told else None


def rated(evidence: Evidence, y: Labels, classes: int) -> float | None:
    """Return balanced accuracy over the classes that anybody could judge."""
    known = [r for r in (recall_of(evidence, y, c) for c in range(classes)) if r is not None]
    return float(np.mean(known)) if known else None


def difference(
    first: Evidence, second: Evidence, y: Labels, classes: int
) -> tuple[float, float, float]:
    """Return first minus second in balanced accuracy, with the ends of its 95 % interval.

    Classes that one of the two was never judged on are left out for both.
    """
    means, variances = [], []
    for cls in range(classes):
        rows = y == cls
        reported = bool(first.told.get(cls) and second.told.get(cls))
        if rows.sum() >= ENOUGH or (rows.sum() >= FEW and not reported):
            paired = first.right[rows] - second.right[rows]
            means.append(float(paired.mean()))
            variances.append(float(paired.var(ddof=1)) / paired.size)
        elif reported:
            apart = [_reported(each.told[cls]) for each in (first, second)]
            means.append(apart[0][0] - apart[1][0])
            variances.append(apart[0][1] + apart[1][1])
    if not means:
        return 0.0, -1.0, 1.0
    value, half = float(np.mean(means)), Z * sqrt(sum(variances)) / len(means)
    return value, value - half, value + half


def choose(
    candidates: Mapping[str, Evidence], y: Labels, classes: int, *, preferred: str = ""
) -> Choice:
    """Return what to use for the network's population.

    Args:
        candidates: By name; `local` must be among them.
        y: Classes of the own validation units.
        classes: How many there are.
        preferred: What the sites voted for, if they vote; the best rated one if empty.
    """
    rates = {name: rated(each, y, classes) for name, each in candidates.items()}
    others = {name: rate for name, rate in rates.items() if name != LOCAL and rate is not None}
    if not others:
        return _kept("no candidate could be judged", "the network's population")
    best = preferred if preferred in others else max(sorted(others), key=lambda n: others[n])
    found = difference(candidates[best], candidates[LOCAL], y, classes)
    return _decide(best, found, "the network's population")


def choose_here(candidates: Mapping[str, Evidence], y: Labels, classes: int) -> Choice:
    """Return what to use for this site's own population, by its own units alone."""
    own = {
        name: Evidence(each.right, {}) for name, each in candidates.items() if each.right.size
    }
    found = choose(own, y, classes) if LOCAL in own else _kept("no own units", "")
    return Choice(
        chosen=found.chosen,
        best=found.best,
        difference=found.difference,
        low=found.low,
        high=found.high,
        adopted=found.adopted,
        population="my population",
        reason=found.reason,
    )


def vote(ballots: Mapping[str, Mapping[str, Floats]]) -> str:
    """Return the candidate that the sites prefer together.

    Args:
        ballots: Site -> candidate -> recalls, NaN where the site cannot say. One voice each:
            a class counts the median over sites, so no site decides a class that others see.
    """
    names = sorted({name for said in ballots.values() for name in said})

    def score(name: str) -> float:
        stacked = np.array([said[name] for said in ballots.values() if name in said])
        judged = [column[~np.isnan(column)] for column in stacked.T]
        return float(np.mean([np.median(column) for column in judged if column.size]))

    return max(names, key=score)


def _reported(told: Sequence[Told]) -> tuple[float, float]:
    """Return the median recall that was reported, and its variance (of its median reporter)."""
    recall, units = median(t.recall for t in told), max(median(t.units for t in told), 1)
    smooth = (recall * units + 1) / (units + 2)  # a recall of 1 from 10 units is not certain
    return recall, smooth * (1 - smooth) / units


def _decide(best: str, found: tuple[float, float, float], population: str) -> Choice:
    value, low, high = found
    adopted = low > 0
    said = f"{best} is {100 * value:+.1f} points of balanced accuracy from the local model"
    said += f" (95 % interval {100 * low:+.1f} to {100 * high:+.1f})"
    return Choice(
        chosen=best if adopted else LOCAL,
        best=best,
        difference=value,
        low=low,
        high=high,
        adopted=adopted,
        population=population,
        reason=f"{said}: {'better' if adopted else 'not shown to be better, local is kept'}",
    )


def _kept(why: str, population: str) -> Choice:
    return Choice(
        chosen=LOCAL,
        best=LOCAL,
        difference=0.0,
        low=0.0,
        high=0.0,
        adopted=False,
        population=population,
        reason=f"{why}: local is kept",
    )
