"""How much better one candidate is than the local model, class by class, with an interval.

Every class counts alike, and each is judged by what is known of it:

    own units         both answers are at hand, so their differences are paired: validation
                      units, and training units of classes of few, which nothing on offer has
                      learnt from (left_out.py)
    peers' reports    of both; unpaired, and as certain as one reporter, since hospitals differ
    one-sided         where peers know the candidate alone, own units say how the local model
                      does. Fewer than ten of them lean towards it: it is the floor.
    never learnt      a class that the local model never saw and never answers it does not
                      recognise; the candidate's recall is the difference

A class that nobody can judge is left out. Shares are posterior means under Jeffreys' prior,
so that two of two is not certain; the interval is that of a stratified mean (Cochran 1977,
equation 5.7): the variances of the classes add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import median

import numpy as np

from modelward.evaluate.estimate import Z
from modelward.exchange.families.family import Floats
from modelward.exchange.methods.probability import Labels

ENOUGH = 10
"""Own units of a class from which on they alone speak for it; below, peers' reports do."""

FEW = 2
"""Own units of a class below which their recall says nothing, even where nobody else does."""

LEAN = 0.5
"""Of a unit that counts as recognised by the local model where own units judge it alone."""

Estimate = tuple[float, float]
"""A mean and its variance."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a peer reported of one class.

    Attributes:
        recall: Share recognised.
        units: Its validation units, as far as the band says.
    """

    recall: float
    units: float


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of one candidate.

    Attributes:
        right: Whether it recognised each own validation unit, [n].
        told: Per class, what trusted peers reported of it.
        tried: Per class, whether it recognised each own training unit that it has not
            learnt from; absent where there are none.
        never: Classes that it never learnt and never answers.
    """

    right: Floats
    told: Mapping[int, Sequence[Told]]
    tried: Mapping[int, Floats] = field(default_factory=dict)
    never: frozenset[int] = frozenset()


def recall_of(evidence: Evidence, y: Labels, cls: int) -> float | None:
    """Return a candidate's recall of one class: own units first, else the peers' median."""
    own, told = evidence.right[y == cls], evidence.told.get(cls, ())
    own = np.concatenate([own, evidence.tried.get(cls, own[:0])])
    if own.size >= ENOUGH or (own.size >= FEW and not told):
        return float(own.mean())
    return median(each.recall for each in told) if told else None


def rated(evidence: Evidence, y: Labels, classes: int) -> float | None:
    """Return balanced accuracy over the classes that anybody could judge."""
    known = [r for r in (recall_of(evidence, y, c) for c in range(classes)) if r is not None]
    return float(np.mean(known)) if known else None


def difference(
    candidate: Evidence, local: Evidence, y: Labels, classes: int
) -> tuple[float, float, float]:
    """Return candidate minus local in balanced accuracy, with the ends of its 95 % interval."""
    judged = (in_class(candidate, local, y, cls) for cls in range(classes))
    found = [each for each in judged if each is not None]
    if not found:
        return 0.0, -1.0, 1.0
    value = float(np.mean([mean for mean, _ in found]))
    half = Z * sqrt(sum(variance for _, variance in found)) / len(found)
    return value, value - half, value + half


def in_class(candidate: Evidence, local: Evidence, y: Labels, cls: int) -> Estimate | None:
    """Return candidate minus local in the recall of one class; None if nobody can say."""
    first, second = _own(candidate, local, y, cls)
    heard, of_local = candidate.told.get(cls), local.told.get(cls)
    said = reported(heard) if heard else None
    if cls in local.never:
        own = [share(first)] if first.size else []
        return together([*own, said] if said else own)
    paired = [pairs(first, second)] if first.size else []
    if said and of_local:
        other = reported(of_local)
        return together([*paired, (said[0] - other[0], said[1] + other[1])])
    if said and 0 < second.size < ENOUGH:
        floor = share(second, LEAN)
        return said[0] - floor[0], said[1] + floor[1]
    return together(paired)


def share(right: Floats, lean: float = 0.0) -> Estimate:
    """Return a share, from a Beta(1/2 + lean, 1/2) prior.

    >>> share(np.ones(1))
    (0.75, 0.0625)
    """
    mean = (float(right.sum()) + 0.5 + lean) / (right.size + 1 + lean)
    return mean, mean * (1 - mean) / (right.size + 2 + lean)


def pairs(first: Floats, second: Floats) -> Estimate:
    """Return the difference of two shares of the same units.

    Of a unit, one alone can be right in two ways, and both or none in a third: the counts of
    the three have a Dirichlet(1/2, 1/2, 1/2) prior.

    >>> pairs(np.array([1.0, 1.0]), np.array([1.0, 0.0]))[0]  # (1 + 0.5 - 0.5) / 3.5
    0.2857142857142857
    """
    total = first.size + 1.5
    better = (float((first > second).sum()) + 0.5) / total
    worse = (float((first < second).sum()) + 0.5) / total
    mean = better - worse
    return mean, (better + worse - mean**2) / (total + 1)


def reported(told: Sequence[Told]) -> Estimate:
    """Return the median recall that was reported, as certain as its median reporter."""
    recall, units = median(t.recall for t in told), max(median(t.units for t in told), 1)
    smooth = (recall * units + 1) / (units + 2)  # a recall of 1 from 10 units is not certain
    return recall, smooth * (1 - smooth) / units


def together(estimates: Sequence[Estimate]) -> Estimate | None:
    """Return the mean of independent estimates, weighted by their certainty; None of none."""
    if not estimates:
        return None
    weights = np.array([1 / variance for _, variance in estimates])
    means = np.array([mean for mean, _ in estimates])
    return float(weights @ means / weights.sum()), float(1 / weights.sum())


def _own(candidate: Evidence, local: Evidence, y: Labels, cls: int) -> tuple[Floats, Floats]:
    """Return what both recognised of the same own units of a class."""
    rows = y == cls
    first, second = candidate.right[rows], local.right[rows]
    if cls in candidate.tried and cls in local.tried:
        first = np.concatenate([first, candidate.tried[cls]])
        second = np.concatenate([second, local.tried[cls]])
    return first, second
