"""FedBuff: a step of the hub whenever enough answers have come, late ones counting for less.

Source: Nguyen et al. 2022, arXiv:2106.06639, Algorithm 1 and section 5. With the buffer's
answers i, each trained from the model s_i steps before the one that is moved:

    x <- x + sum_i p_i d_i / (1 + s_i)^a        p_i = n_i / sum of the buffer's n

where d_i is what the site sends, local minus the model that it was given, and a = 1/2 in the
paper. The paper's p_i is 1 / K; weights here are patients, as in every strategy, so that a
buffer of all sites without lateness is FedAvg, bit for bit. The shares are not divided by the
sum of the discounts: a buffer of late answers makes a shorter step, as in the paper.

Updates of the same age are summed exactly, and the few sums combined in the order of their
ages. Whose answers make a buffer is hub/buffered.py's business.
"""

from collections.abc import Mapping

import numpy as np

from modelward.core.tensors import FlatF32

EXPONENT = 0.5
"""a, where the study names none."""


def discount(late: int, exponent: float) -> float:
    """Return what an answer counts that is `late` steps of the hub old, in (0, 1]."""
    return float((1.0 + late) ** -exponent)


def combined(means: Mapping[int, tuple[FlatF32, int]], exponent: float) -> FlatF32:
    """Return the update of one step, [size]; no longer than the longest that went in.

    Args:
        means: Steps late -> mean update of the answers that are as late, [size], and their
            patients.
        exponent: a, at least 0.
    """
    whole = sum(patients for _, patients in means.values())
    total = np.zeros(next(iter(means.values()))[0].size)
    for late in sorted(means):
        mean, patients = means[late]
        total += mean * (discount(late, exponent) * (patients / whole))
    return total.astype(np.float32)
