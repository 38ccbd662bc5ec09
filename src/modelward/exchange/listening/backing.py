"""No class is supported further than its second knower supports it: no answer of one voice.

In a network with skewed classes the model that knows a class best is followed, also where it
lies. With p_j(c) what model j says, q_j(c) what is left of it once it is doubted (covering.py),
and the knowers of a class those that say on their card that they have seen ten units of it:

    two knowers or more    q_j(c) is cut to the second largest p_k(c) among them
    one                    q_j(c) is cut to what it says: who knows less is not surer
    none                   nothing is cut; nobody answers with that class (knowledge.py)

What is cut is doubt: the same for every class. An institution has one voice here, however many
artifacts it has in the pool. It is the one-sided trimming of robust aggregation (Yin et al.
2018, arXiv:1803.01498), one voice deep, taken over those who know. Two that lie together are
not held by it, and where one institution alone knows a class everybody depends on it:
hanging.py says in which answers.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelward.exchange.families.family import Floats
from modelward.exchange.listening.covering import spread
from modelward.exchange.methods.probability import clamped

Knows = NDArray[np.bool_]
"""Whether an artifact knows each class, [artifacts, classes]."""


def backed(
    known: Sequence[Floats], plain: Sequence[Floats], knows: Knows, makers: Sequence[str]
) -> tuple[list[Floats], list[Floats]]:
    """Return the log-probabilities that others stand behind, and how much of each is known.

    Known is, at most, what the artifact says wherever one looks away.

    Args:
        known: What each artifact says wherever one looks away: probabilities that add up to
            one at most, [n, classes].
        plain: What it says, log-probabilities.
        knows: Which classes it knows.
        makers: Whose it is.
    """
    least, words = np.stack(known), np.exp(clamped(np.stack(plain)))
    left = np.exp(spread(least))
    for cls in range(left.shape[-1]):
        voices = _voices(words[:, :, cls], knows[:, cls], makers)
        if voices.size:
            support = np.sort(voices, axis=0)[max(0, len(voices) - 2)]
            np.minimum(left[:, :, cls], support, out=left[:, :, cls])
    said = spread(left)
    return list(said), list(np.minimum(least, np.exp(said)))


def _voices(likely: Floats, knows: NDArray[np.bool_], makers: Sequence[str]) -> Floats:
    """Return how far each institution that knows a class supports it, [knowers, n]."""
    theirs = [
        [row for row, maker in enumerate(makers) if maker == each and knows[row]]
        for each in sorted(set(makers))
    ]
    return np.array([likely[rows].max(axis=0) for rows in theirs if rows])
