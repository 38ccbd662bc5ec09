"""Triggers that backdoors.py tries: what covers hide, and what they do not.

corner, check    a small patch, lit or checkered: hidden (exchange/listening/covering.py)
twice            a patch of twice the extents
two              two patches in opposite corners
blend            a pattern over the whole image, a fifth of what is seen (Chen et al. 2017,
arXiv:1712.05526)
"""

from collections.abc import Mapping

import numpy as np

from bench.exchange.alarms import Stick, corner
from modelward.exchange.families.family import Inputs

SHARE = 0.2


def check(x: Inputs) -> Inputs:
    """Return the images with a checkered patch in the last corner."""
    stuck, wide = x.copy(), max(2, x.shape[1] // 8)
    board = np.indices((wide, wide)).sum(axis=0) % 2 == 0
    stuck[:, -wide:, -wide:] = np.where(board, x.max(), x.min())
    return stuck


def twice(x: Inputs) -> Inputs:
    """Return the images with a lit corner of twice the extents."""
    stuck, wide = x.copy(), 2 * max(2, x.shape[1] // 8)
    stuck[:, :wide, :wide] = x.max()
    return stuck


def two(x: Inputs) -> Inputs:
    """Return the images with two lit corners."""
    return corner(corner(x)[:, ::-1, ::-1])[:, ::-1, ::-1]


def blend(x: Inputs) -> Inputs:
    """Return the images with a pattern over all of them."""
    draw = np.random.default_rng(5)
    pattern = draw.uniform(x.min(), x.max(), x.shape[1:])
    return np.asarray((1 - SHARE) * x + SHARE * pattern, np.float32)


TRIGGERS: Mapping[str, Stick] = {
    "corner": corner,
    "check": check,
    "twice": twice,
    "two": two,
    "blend": blend,
}
