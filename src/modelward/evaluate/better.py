"""Whether a figure on validation units is better than another."""

import numpy as np


def better(metric: str, new: float, old: float) -> bool:
    """Return whether `new` is strictly better; loss is better when lower.

    A value that is not defined (NaN: one class only) is never better, and anything defined
    is better than it.
    """
    if np.isnan(new) or np.isnan(old):
        return bool(np.isnan(old) and not np.isnan(new))
    return new < old if metric == "loss" else new > old
