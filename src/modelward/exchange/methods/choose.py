"""Which candidate to use, with the local model as the floor: adopt only if better.

Every candidate is computed and judged on private validation, class by class (evidence.py);
nobody chooses on a test set. Two questions can be asked, and they have different answers:

    the network's population   every class counts alike, also those this site has never
                               validated: for these, peers' signed reports stand in
    my population              the site's own validation units and nothing else; labelled so,
                               because what is best here can be far from best elsewhere

The sites vote on what to hold against the local model; whether it gives way, each finds out
for itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from modelward.exchange.families.family import Floats
from modelward.exchange.methods.evidence import Evidence, difference, rated
from modelward.exchange.methods.probability import Labels

LOCAL = "local"
"""The candidate that is always there: the site's own model alone."""


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


def vote(
    ballots: Mapping[str, Mapping[str, Floats]],
    known: Collection[int] = (),
    learnt: Collection[str] = (),
) -> str:
    """Return the candidate that the sites prefer together.

    Args:
        ballots: Site -> candidate -> recalls, NaN where the site cannot say. One voice each:
            a class counts the median over sites, so no site decides a class that others see.
        known: Classes that somebody in the pool knows.
        learnt: Candidates that learnt from the very units that ballots count: a combiner. What
            nobody could judge, nobody taught it either (of 94 such classes in 30 deals of
            digits it recognised 25 %, a pooler 65 %): these classes count as not recognised.
    """
    names = sorted({name for said in ballots.values() for name in said})

    def score(name: str) -> float:
        stacked = np.array([said[name] for said in ballots.values() if name in said])
        judged = {cls: column[~np.isnan(column)] for cls, column in enumerate(stacked.T)}
        found = [float(np.median(column)) for column in judged.values() if column.size]
        if name in learnt:
            found += [0.0 for cls in known if not judged[cls].size]
        return float(np.mean(found))

    return max(names, key=score)


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
