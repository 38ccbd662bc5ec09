"""Figures of masks: how well what was drawn is covered, and how far its edge is off.

    Dice    2 |A and B| / (|A| + |B|)                      (Dice 1945, Ecology 26:297)
    HD95    the 95th percentile of the distances from each edge pixel of one mask to the nearest
            of the other, both ways together               (Huttenlocher et al. 1993)

Both are means over images in which something is drawn. An image of which nothing was found has
Dice 0 and no HD95, and the note counts these. Whether anything is found where nothing is
drawn is the yes/no figures' business. Distances are in pixels: spacing is the reader's to have
made equal.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures.beyond import Measured, mean_of
from modelward.evaluate.patients import Whose, owners_of, several_of
from modelward.evaluate.predictions import Floats

DICE = "Dice"
HD95 = "HD95 in pixels"
AT_ONCE = 1 << 22
"""Distances held in memory at a time."""

Mask = NDArray[np.bool_]


def dice(drawn: Mask, found: Mask) -> float:
    """Return the Dice coefficient of two masks; 1 if both are empty."""
    both = int(drawn.sum()) + int(found.sum())
    return 2 * int((drawn & found).sum()) / both if both else 1.0


def hd95(drawn: Mask, found: Mask) -> float:
    """Return the 95 % Hausdorff distance of two masks in pixels; NaN if one is empty."""
    one, other = edge(drawn), edge(found)
    if not len(one) or not len(other):
        return np.nan
    both = np.concatenate([_nearest(one, other), _nearest(other, one)])
    return float(np.quantile(both, 0.95))


def edge(mask: Mask) -> Floats:
    """Return the pixels of a mask that have a neighbour outside it, [m, axes].

    Neighbours share a side; what lies beyond the image is outside.
    """
    padded = np.pad(mask, 1)
    inside = padded.copy()
    for axis in range(mask.ndim):
        inside &= np.roll(padded, 1, axis) & np.roll(padded, -1, axis)
    return np.argwhere(padded & ~inside).astype(np.float64)


def _nearest(points: Floats, others: Floats) -> Floats:
    """Return the distance of each point to the nearest of `others`, [m]."""
    step = max(1, AT_ONCE // len(others))
    found = []
    for start in range(0, len(points), step):
        part = points[start : start + step]
        square = ((part[:, None, :] - others[None]) ** 2).sum(2)
        found.append(np.sqrt(square.min(1)))
    return np.concatenate(found)


def measure(
    drawn: NDArray[np.uint8],
    p: Floats,
    site: Sequence[int],
    owner: Whose | None,
    rng: np.random.Generator,
) -> Measured:
    """Return every figure of one model on one group of images.

    Args:
        drawn: Masks, [n, ...].
        p: Probability of every pixel, of the same shape; one half is the threshold.
        site: Small integers, [n], equal for images of the same site.
        owner: Patient of every image, [n]; None where each is its own.
        rng: Source of the resamples.
    """
    rows = np.flatnonzero(drawn.reshape(len(drawn), -1).any(1))
    here, whose = np.asarray(site)[rows], owners_of(rows, owner)
    masks = [(drawn[row] > 0, p[row] >= 0.5) for row in rows]  # noqa: PLR2004 - one half
    overlaps = np.array([dice(*pair) for pair in masks])
    far = np.array([hd95(*pair) for pair in masks])
    known = np.isfinite(far)
    edges = mean_of(far[known], here[known].tolist(), rng, owners_of(known, whose))
    if len(rows) and not known.all():
        missed = int(np.count_nonzero(~known))
        note = f"nothing was found in {missed} of {len(rows)} images, which are left out"
        edges = Estimate(edges.value, edges.interval, note)
    return {
        (DICE, ""): (
            len(rows),
            mean_of(overlaps, here.tolist(), rng, whose),
            several_of(np.ones(len(rows), np.bool_), whose),
        ),
        (HD95, ""): (int(np.count_nonzero(known)), edges, several_of(known, whose)),
    }
