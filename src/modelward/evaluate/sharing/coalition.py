"""What a coalition of sites would have done in a round, from the updates that they sent.

    step of S    min(length, sum of |u_i| over S) * direction of the sum of u_i over S
                 length: the median over the sites whose update is not zero
                 u_i:    the update, scaled down to `length` where it is longer

No site counts for more than one in the direction, and adding a site makes no step shorter. So
a longer update moves nothing further (who has its patients twice makes twice the steps in a
round), a zero update changes no coalition, and who sends little is not paid for holding others
back where these go too far. By the plain mean of updates both were paid.

What follows from the models alone is no contribution. An update that is a combination of the
hub's last steps, up to its length, is taken for zero (a "delta weights" free rider: Lin et al.
2019, arXiv:1911.12560; Fraboni et al. 2021, arXiv:2006.11901). With noise added it is not
found.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32
from modelward.evaluate.sharing.contribution import SAME, Round, inner_products

STEPS = 4
"""Of the hub, that an update is held against; fewer where a model has few parameters."""

NOTHING = 1e-9
"""Length of a sum of updates, in that of one, below which they cancel."""


def divided(
    sites: Sequence[str],
    rows: NDArray[np.float32],
    steps: Sequence[FlatF32],
    judge: Callable[[FlatF32], float] | None = None,
) -> Round:
    """Return a round to be divided among its sites.

    Args:
        sites: Who was in it.
        rows: Their updates, [n, size].
        steps: What the hub added to its model in the rounds before, oldest first, [size] each.
        judge: What a step from the round's model is worth, [size] in; higher is better, and 0
            is nothing. None where there are no units to measure on.
    """
    told = told_before(rows, steps) if len(sites) > 1 else np.zeros(len(sites), np.bool_)
    own = np.where(told[:, None], np.float32(0), rows)
    repeats = frozenset(site for site, each in zip(sites, told, strict=True) if each)
    gram = inner_products(own)
    if judge is None:
        return Round(tuple(sites), gram, repeats=repeats)
    lengths = np.sqrt(np.maximum(np.diag(gram), 0.0))
    length = float(np.median(lengths[lengths > 0])) if lengths.any() else 0.0
    scale = length / np.maximum(lengths, length) if length else lengths

    def worth(members: Sequence[int]) -> float:
        chosen = list(members)
        way = scale[chosen] @ own[chosen].astype(np.float64)
        norm = float(np.linalg.norm(way))
        if norm <= NOTHING * length:
            return 0.0
        far = min(length, float(scale[chosen] @ lengths[chosen]))
        return judge((way * (far / norm)).astype(np.float32))

    return Round(tuple(sites), gram, worth, repeats=repeats)


def told_before(rows: NDArray[np.float32], steps: Sequence[FlatF32]) -> NDArray[np.bool_]:
    """Return which updates are combinations of the hub's last steps, [n]; zeros are not.

    Args:
        rows: Updates of one round, [n, size].
        steps: Of the rounds before, oldest first, [size] each. The last `STEPS` are looked at,
            and no more than a quarter of the parameters: a few steps of a small model span
            all that anybody could send.
    """
    found = np.zeros(len(rows), np.bool_)
    if not steps or not rows.size:
        return found
    most = max(1, min(STEPS, rows.shape[1] // 4))
    known = np.stack(steps[-most:]).astype(np.float64)
    left, values, ways = np.linalg.svd(known, full_matrices=False)
    del left
    ways = ways[values > values[0] * NOTHING] if values[0] > 0 else ways[:0]
    for place, row in enumerate(rows):
        wide = row.astype(np.float64)
        whole = float(wide @ wide)
        along = ways @ wide
        found[place] = whole > 0 and float(along @ along) > SAME * SAME * whole
    return found
