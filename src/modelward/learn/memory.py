"""Answers that remember: momentum at the sites, for rules that withstand wrong ones.

    m_i <- beta m_i + (1 - beta) d_i        m_i = 0 before the site's first round

d_i is the site's update of the round; what it offers is m_i. A robust rule lets wrong sites
move it as far as honest sites differ from each other, in every round anew. Part of that
difference is chance, the batches of a round, and chance averages out over rounds where wrong
sites push one way in all of them (Karimireddy et al. 2021, arXiv:2012.10333, section 4;
Farhadkhani et al. 2022, arXiv:2205.12173). With momentum at the hub the rule sees the chance
of every round: it averages after the harm is done.

Under a mean this is the hub's momentum with the step lr (1 - beta): beta = 0.9 and lr = 10 at
the hub step as far as momentum 0.9 and lr = 1 there do.

Each m_i is a mean of updates, and of nothing where there was none yet, so it is within their
clip norm. Made of what left the site in rounds before, it looks at no patient again, and a
privacy bound is not touched. Where m_i lies between rounds is site/keeping/kept.py's business.
"""

import numpy as np

from modelward.core.tensors import FlatF32
from modelward.learn.sgd import offer


def remembered(last: FlatF32 | None, update: FlatF32, share: float, clip: float) -> FlatF32:
    """Return what a site offers, and remembers, in a new vector.

    Args:
        last: What it offered last, [size]; None before its first round.
        update: Of this round, [size].
        share: Of the last offer that is kept (beta), in (0, 1).
        clip: L2 norm that an offer may have.

    Returns:
        [size], L2 norm at most `clip`, on the grid of updates.
    """
    mixed: FlatF32 = np.float32(1.0 - share) * update
    if last is not None:
        mixed += np.float32(share) * last
    return offer(mixed, np.zeros_like(mixed), clip)
