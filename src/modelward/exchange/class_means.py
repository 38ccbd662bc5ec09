"""Are class means what a prototype says they are? Own examples and means in, two numbers out.

A mean of a class is a statistic, so whoever has the examples can compute it again: what is
offered as a mean may differ from it by the noise that its maker adds, and by no more. A mean
over the images of one patient, or a class of three patients, is found by this and by nothing
that looks for copies.

    fewest    persons behind the mean of any class that is told
    astray    how far a mean is from the own one, in what noise reaches once in a million

The bound on a weighted sum of squared normal draws is lemma 1 of Laurent and Massart 2000
(Ann. Statist. 28, 1302): P(sum a z^2 >= sum a + 2 |a| sqrt(t) + 2 max(a) t) <= exp(-t).
"""

import numpy as np

from modelward.exchange.examples import Examples
from modelward.exchange.families.family import Floats

RARE = 14.0
"""exp(-14) is about one in a million."""

ROUNDING = 1e-9
"""Squared part of a value that may be lost where means become float32."""


def persons_of(own: Examples, classes: int) -> list[int]:
    """Return how many persons have a training example of each class."""
    whose = own.persons
    return [len(np.unique(whose[own.y == cls])) for cls in range(classes)]


def fewest(means: Floats, own: Examples) -> int | None:
    """Return the fewest persons behind a class mean that is told; None if none is told.

    Args:
        means: [classes, width]; a class of zeros is not told.
        own: Whose means they are said to be.
    """
    behind = persons_of(own, len(means))
    told = np.flatnonzero(np.any(means != 0, axis=1))
    return min((behind[cls] for cls in map(int, told)), default=None)


def astray(means: Floats, own: Examples) -> float | None:
    """Return how far the farthest told mean is from the own mean of its class.

    1 / k is what the noise of a mean over k examples reaches once in a million; a mean that is
    off by more is of something else. None if no told class has own examples.

    Args:
        means: [classes, width]; a class of zeros is not told.
        own: Whose means they are said to be.
    """
    flat = own.x.reshape(len(own.x), -1).astype(np.float64)
    found = [
        _apart(means[cls].astype(np.float64), flat[own.y == cls])
        for cls in range(len(means))
        if np.any(means[cls] != 0) and np.any(own.y == cls)
    ]
    return max(found, default=None)


def _apart(mean: Floats, rows: Floats) -> float:
    variance, centre = rows.var(axis=0), rows.mean(axis=0)
    reach = (
        variance.sum()
        + 2 * float(np.sqrt(np.square(variance).sum() * RARE))
        + 2 * float(variance.max()) * RARE
    )
    room = ROUNDING * (1 + np.square(centre).sum())
    return float(np.square(mean - centre).sum() / (reach + room))
