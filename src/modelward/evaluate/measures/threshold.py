"""The threshold at which a probability becomes a yes, chosen from sums over sites.

Sites send how many validation units they have per outcome and bin of predicted probability
(binned.py); the hub adds them up and chooses an edge between two bins by the rule that the
study signed, before a test unit is looked at:

    youden         largest sensitivity + specificity (Youden 1950, Cancer 3:32)
    sensitivity    highest threshold with at least the given sensitivity: of those, it has
                   the fewest false alarms
    specificity    lowest threshold with at least the given specificity

Nobody sees single scores for it, and with masked or noised counts it is the same function.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

ThresholdRule = Literal["youden", "sensitivity", "specificity"]


def chosen_threshold(
    counts: NDArray[np.int64], rule: ThresholdRule, at_least: float | None = None
) -> float | None:
    """Return the threshold, 0 to 1; None if one outcome is missing.

    Args:
        counts: Validation units of all sites, [2, B]: negatives, positives; by bin.
        rule: As above.
        at_least: The rate that `sensitivity` or `specificity` has to reach.
    """
    negatives, positives = counts.astype(np.float64)
    if not negatives.sum() or not positives.sum():
        return None
    bins = counts.shape[1]
    # At the edge e = 0..B, bins e and above are a yes.
    hit = 1 - np.concatenate([[0.0], np.cumsum(positives)]) / positives.sum()
    spared = np.concatenate([[0.0], np.cumsum(negatives)]) / negatives.sum()
    if rule == "sensitivity":
        edge = int(np.flatnonzero(hit >= (at_least or 0.0) - 1e-12)[-1])
    elif rule == "specificity":
        edge = int(np.flatnonzero(spared >= (at_least or 0.0) - 1e-12)[0])
    else:
        best = np.flatnonzero(hit + spared >= (hit + spared).max() - 1e-12)
        edge = int(best[len(best) // 2])  # empty bins between two clouds: their middle
    return float(edge / bins)
