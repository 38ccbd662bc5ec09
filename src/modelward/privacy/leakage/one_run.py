"""A lower bound on epsilon from one training run with canaries.

Steinke, Nasr and Jagielski 2023, "Privacy Auditing with One (1) Training Run"
(arXiv:2305.08846), Algorithm 1 and Theorem 5.2. Each of m canaries is put into training by
a fair coin; an attacker who sees what leaves guesses the coins of some and passes on the
others. Under (epsilon, delta) the number of right guesses among r is, but for delta, no
larger than a binomial with success probability e^eps / (e^eps + 1):

    P[W >= w]  <=  f(w) + 2 m delta max_i (f(w - i) - f(w)) / i,    f(w) = P[Bin(r, p) >= w]

`low` is the largest epsilon that this rules out at the confidence asked for. It is a lower
bound on what training does, seen through one attack: that it is 0 proves nothing. If it is
above the epsilon that was claimed, the claim is wrong.

With all of r guesses right `low` is at most log(p / (1 - p)) with p^r = 0.05: 3.49, 4.60 and
5.81 for 100, 300 and 1,000 guesses (`most`). Pure: coins and scores in, figures out.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf, lgamma, log, log1p

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
LARGEST = 30.0
"""No audit is run that could show more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What one attack has shown.

    Attributes:
        canaries: Canaries whose coin was tossed.
        guesses: Coins that were guessed.
        right: Guesses that were right.
        delta: Delta at which epsilon is meant.
        low: Epsilon is at least this, at `confidence`.
        high: An attack that is right as often as this one, or a bit more often, would show
            this much in an endless run: upper end of the two-sided interval; may be infinite.
        most: Largest `low` that so many guesses could have shown.
        confidence: Of `low`.
    """

    canaries: int
    guesses: int
    right: int
    delta: float
    low: float
    high: float
    most: float
    confidence: float = CONFIDENCE

    def contradicts(self, claimed: float) -> bool:
        """Return whether training surely tells more than `claimed` epsilon."""
        return self.low > claimed


def one_run(
    included: NDArray[np.bool_],
    scores: NDArray[np.float64],
    *,
    guesses: int | None = None,
    delta: float = 0.0,
    confidence: float = CONFIDENCE,
) -> Audit:
    """Return what the scores tell about the coins.

    Args:
        included: The coins: which canaries were trained on, [m].
        scores: The attacker's belief that a canary was, larger is surer, finite, [m].
        guesses: Coins to guess, fixed before the run: half of them "in", with the largest
            scores, half "out", with the smallest. All m if None.
        delta: Delta of the claim; 0 for pure epsilon.
        confidence: Of the lower bound. Whoever reports the best of k attacks takes
            1 - 0.05 / k for each.

    Raises:
        ValueError: If there are fewer than two canaries, or more guesses than canaries.
    """
    m = included.size
    r = m if guesses is None else guesses
    if not 2 <= r <= m or scores.shape != included.shape or not np.isfinite(scores).all():  # noqa: PLR2004 - one guess each way
        raise ValueError("an audit needs finite scores, and at most as many guesses as coins")
    order = np.argsort(scores, kind="stable")
    out, into = order[: r // 2], order[m - (r - r // 2) :]
    right = int(np.count_nonzero(included[into]) + np.count_nonzero(~included[out]))
    return Audit(
        canaries=m,
        guesses=r,
        right=right,
        delta=delta,
        low=lower_bound(right, r, m, delta, 1.0 - confidence),
        high=_upper_bound(right, r, 1.0 - confidence),
        most=lower_bound(r, r, m, delta, 1.0 - confidence),
        confidence=confidence,
    )


def lower_bound(right: int, guesses: int, canaries: int, delta: float, error: float) -> float:
    """Return the largest epsilon that `right` of `guesses` rule out, 0 if none.

    Args:
        right: Right guesses.
        guesses: Guesses.
        canaries: Coins that were tossed, guessed or not.
        delta: Delta of the claim.
        error: Probability of being wrong, such as 0.05.
    """
    if chance(right, guesses, canaries, 0.0, delta) > error:
        return 0.0
    low, high = 0.0, LARGEST
    for _ in range(60):
        middle = (low + high) / 2
        if chance(right, guesses, canaries, middle, delta) <= error:
            low = middle
        else:
            high = middle
    return low


def chance(right: int, guesses: int, canaries: int, epsilon: float, delta: float) -> float:
    """Return the most probable it can be under (`epsilon`, `delta`) to be right so often."""
    each = _binomial(guesses, epsilon)
    beyond = np.concatenate([np.cumsum(each[::-1])[::-1], [0.0]])  # P[W >= w], w = 0 ... r + 1
    found = float(beyond[right])
    if delta and right:
        steps = np.arange(1, right + 1)
        gains = (beyond[right - steps] - found) / steps
        found += 2.0 * canaries * delta * float(gains.max())
    return min(1.0, found)


def _binomial(n: int, epsilon: float) -> NDArray[np.float64]:
    """Return P[W = w] for w = 0 ... n and success probability e^eps / (e^eps + 1)."""
    yes, no = -log1p(exp(-epsilon)), -epsilon - log1p(exp(-epsilon))
    w = np.arange(n + 1)
    found: NDArray[np.float64] = np.exp(_log_choose(n) + w * yes + (n - w) * no)
    return found


@lru_cache(maxsize=8)
def _log_choose(n: int) -> NDArray[np.float64]:
    """Return the logarithm of "n over w" for w = 0 ... n."""
    each = np.array([lgamma(w + 1) for w in range(n + 1)])
    found: NDArray[np.float64] = each[n] - each - each[::-1]
    return found


def _upper_bound(right: int, guesses: int, error: float) -> float:
    """Return the epsilon at which being right so seldom is as rare as `error`."""
    if right == guesses:
        return inf
    low, high = 0.0, LARGEST
    for _ in range(60):
        middle = (low + high) / 2
        if float(_binomial(guesses, middle)[: right + 1].sum()) > error:
            low = middle
        else:
            high = middle
    return low


def point(right: int, guesses: int) -> float:
    """Return the epsilon at which being right so often is what is expected; 0 at least."""
    if right == guesses:
        return inf
    return max(0.0, log(right / (guesses - right))) if right else 0.0
