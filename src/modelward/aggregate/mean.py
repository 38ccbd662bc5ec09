"""Weighted mean of updates (FedAvg).

Source: McMahan et al. 2017, arXiv:1602.05629, Algorithm 1, server line
    w[t+1] = sum_k (n_k / n) * w_k[t+1]
with differences in place of weights: w[t+1] = w[t] + sum_k (n_k / n) * (w_k[t+1] - w[t]).

The sum is fixed_point.py's: exact, so the mean depends on who took part and on nothing
else. Momentum and Adam on the server act on this mean and live in server_opt.py.
"""

from collections.abc import Iterable

from modelward.aggregate.fixed_point import UpdateSum
from modelward.core.tensors import FlatF32


def weighted_mean(updates: Iterable[tuple[FlatF32, int]], size: int) -> FlatF32:
    """Average updates, each weighted by its patients, holding one at a time.

    Args:
        updates: Update [size] on the grid of updates, and patients behind it; any order.
        size: Parameters of the model.

    Returns:
        The mean, correctly rounded float32, [size].

    Raises:
        BadUpdate: If there is no update, or one is not on the grid (fixed_point.py).
    """
    total = UpdateSum(size)
    for flat, patients in updates:
        total.add(flat, patients)
    return total.mean()
