"""Are class means what a prototype says they are? Own examples and means in, and numbers out.

A mean of a class is a statistic, so whoever has the examples can compute it again: what is
offered as a mean may differ from it by the noise that its maker adds, and by no more. A mean
over the images of one patient, or a class of three patients, is found by this and by nothing
that looks for copies.

    fewest    persons behind the mean of any class that is told
    astray    how far a mean is from the own one, in what noise reaches once in a million
    beside    what is left of means when the own ones are taken away, to be asked for likeness

Noise is drawn for every value by itself, so each is measured in its own standard deviation. The
bound on a sum of n squared normal draws is lemma 1 of Laurent and Massart 2000 (Ann. Statist.
28, 1302): P(sum z^2 >= n + 2 sqrt(n t) + 2 t) <= exp(-t).
"""

import numpy as np

from modelward.exchange.families.family import Floats
from modelward.exchange.institution.examples import Examples

RARE = 14.0
"""exp(-14) is about one in a million."""

ROUNDING = 1e-9
"""Squared part of a value that may be lost where means become float32, and of no variance."""


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
    told = _told(means, own)
    found = [_apart(means[cls].astype(np.float64), rows) for cls, rows in told]
    return max(found, default=None)


def beside(means: Floats, own: Examples) -> Floats:
    """Return what told means are beside the own ones; honest means leave their noise alone.

    Noise is no more like an own record than like any other, so likeness refuses by chance as
    seldom as it says. A mean over two records, inside the reach of noise where a class is
    wide, is like both.

    Args:
        means: [classes, width]; a class of zeros is not told.
        own: Whose means they are said to be.
    """
    left = means.astype(np.float64)
    for cls, rows in _told(means, own):
        left[cls] -= rows.mean(axis=0)
    return left


def _told(means: Floats, own: Examples) -> list[tuple[int, Floats]]:
    """Return each class that is told and has own examples, with those, [n, width]."""
    flat = own.x.reshape(len(own.x), -1).astype(np.float64)
    some = [cls for cls in range(len(means)) if np.any(means[cls] != 0)]
    return [(cls, flat[own.y == cls]) for cls in some if np.any(own.y == cls)]


def _apart(mean: Floats, rows: Floats) -> float:
    centre = rows.mean(axis=0)
    room = ROUNDING * (1 + np.square(centre))
    told = np.square(mean - centre) / (rows.var(axis=0) + room)
    moving = np.count_nonzero(rows.var(axis=0) > room)
    return float(told.sum() / (moving + 2 * (moving * RARE) ** 0.5 + 2 * RARE))
