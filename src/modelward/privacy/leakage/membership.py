"""Can the loss tell who was trained on? AUC, and members found at 1 % false positives.

The attack: say "member" where the loss is small (Yeom et al. 2018, arXiv:1709.01604),
judged at a low rate of false positives (Carlini et al. 2022, arXiv:2112.03570).

What it costs to be wrong is on one side: an artifact is refused only where members are
found *surely* more often than allowed, and where that is no accident. The share found has a
lower bound (Clopper and Pearson 1934, 95 %). With few held-out records the threshold itself
is an accident: the smallest of 41 losses is undercut by a tenth of all others now and then.
So `by_lot` says how probable it is to find as many if losses told nothing: records in random
order, the hypergeometric distribution, exact for any number of them.
AUC: Hanley and McNeil 1982 for its interval.
"""

from dataclasses import dataclass
from math import comb, exp, lgamma, log, sqrt

import numpy as np
from numpy.typing import NDArray

FALSE_POSITIVES = 0.01
CONFIDENCE = 0.95
FEWEST = 5
"""Members or non-members below which nothing is measured."""

Losses = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What the loss tells about one group of records.

    Attributes:
        group: `all`, `positive` or `negative`: by outcome; or `class LABEL`, of many classes.
        members: Records that were trained on.
        others: Held-out records.
        auc: Probability that a member has a smaller loss than a non-member.
        auc_low: Lower end of its 95 % interval.
        auc_high: Upper end.
        found: Share of members found at `FALSE_POSITIVES` or less.
        found_low: Lower bound of that share.
        false_high: Upper bound of the share of non-members called members.
    """

    group: str
    members: int
    others: int
    auc: float
    auc_low: float
    auc_high: float
    found: float
    found_low: float
    false_high: float


def attack(group: str, members: Losses, others: Losses) -> Membership | None:
    """Return what a loss threshold tells; None with fewer than `FEWEST` on either side."""
    if min(members.size, others.size) < FEWEST:
        return None
    ranked = np.sort(others)
    threshold = ranked[int(FALSE_POSITIVES * others.size)]
    hits = int(np.count_nonzero(members < threshold))
    wrong = int(np.count_nonzero(others < threshold))
    above = others.size - np.searchsorted(ranked, members, side="right")
    ties = np.searchsorted(ranked, members, side="right") - np.searchsorted(ranked, members)
    auc = float((above + 0.5 * ties).mean() / others.size)
    room = 1.96 * _auc_error(auc, members.size, others.size)
    return Membership(
        group=group,
        members=members.size,
        others=others.size,
        auc=auc,
        auc_low=max(0.0, auc - room),
        auc_high=min(1.0, auc + room),
        found=hits / members.size,
        found_low=lower_bound(hits, members.size),
        false_high=1.0 - lower_bound(others.size - wrong, others.size),
    )


def by_lot(found: Membership) -> float:
    """Return the probability to find as many members, or more, if losses told nothing.

    Members and others are then in random order. As many are found where among the first
    hits + k no more than k others are, k being the others that are let pass.
    """
    passed = int(FALSE_POSITIVES * found.others)
    first = round(found.found * found.members) + passed
    n, m = found.members, found.others
    if first > n + m:
        return 0.0
    whole = _log_choose(n + m, first)
    return min(
        1.0,
        sum(
            exp(_log_choose(m, k) + _log_choose(n, first - k) - whole)
            for k in range(max(0, first - n), min(passed, first) + 1)
        ),
    )


def by_outcome(
    members: Losses, member_y: NDArray[np.int8], others: Losses, other_y: NDArray[np.int8]
) -> tuple[Membership, ...]:
    """Return the attack on all records and on each outcome: rare classes leak first."""
    groups = [attack("all", members, others)]
    for name, value in (("positive", 1), ("negative", 0)):
        groups.append(attack(name, members[member_y == value], others[other_y == value]))
    return tuple(group for group in groups if group is not None)


def losses(p: NDArray[np.float64], y: NDArray[np.int8]) -> Losses:
    """Return the cross-entropy of each prediction `p` of outcome `y`."""
    right = np.where(y == 1, p, 1.0 - p)
    found: Losses = -np.log(np.clip(right, 1e-12, 1.0))
    return found


def lower_bound(hits: int, n: int) -> float:
    """Return the one-sided Clopper-Pearson lower bound of `hits` of `n`, at `CONFIDENCE`."""
    if hits == 0:
        return 0.0
    low, high = 0.0, hits / n
    for _ in range(50):
        middle = (low + high) / 2
        if _at_least(hits, n, middle) < 1.0 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return low


def _at_least(hits: int, n: int, p: float) -> float:
    """Return P(X >= hits) for X ~ Binomial(n, p)."""
    if p <= 0.0:
        return 0.0
    if n <= 60:  # noqa: PLR2004 - exact whole numbers up to here
        return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(hits, n + 1))
    k = np.arange(hits, n + 1)
    whole = lgamma(n + 1)
    each = [whole - lgamma(i + 1) - lgamma(n - i + 1) for i in k.tolist()]
    terms = np.array(each) + k * log(p) + (n - k) * log(1.0 - p)
    return min(1.0, float(np.exp(terms - terms.max()).sum()) * exp(float(terms.max())))


def _log_choose(n: int, k: int) -> float:
    """Return the logarithm of "n over k"."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _auc_error(auc: float, members: int, others: int) -> float:
    """Return the standard error of an AUC (Hanley and McNeil 1982)."""
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    spread = (members - 1) * (q1 - auc * auc) + (others - 1) * (q2 - auc * auc)
    return sqrt(max(0.0, auc * (1 - auc) + spread) / (members * others))
