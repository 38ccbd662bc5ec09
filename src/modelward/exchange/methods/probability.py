"""Class probabilities: what the exchange judges, whoever and whatever made them.

Log-probabilities are [n, classes] (or [models, n, classes]), clamped at `FLOOR` so that one
confident mistake cannot outvote everybody. Recalls are per class,
and a class without a validation unit has none: NaN, never zero.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.exchange.families.family import Floats

FLOOR = -8.0
"""Least log-probability, natural logarithm: 0.03 %."""

STEPS = 255
"""Levels of a log-probability that travels: steps of 8 / 255 = 0.031, one byte each."""

Labels = NDArray[np.intp]
"""Class of each unit, from 0, [n]."""


def log_softmax(z: Floats) -> Floats:
    """Return log-probabilities of logits, over the last axis."""
    high = z - z.max(axis=-1, keepdims=True)
    return np.asarray(high - np.log(np.exp(high).sum(axis=-1, keepdims=True)))


def softmax(z: Floats) -> Floats:
    """Return probabilities of logits, over the last axis."""
    return np.exp(log_softmax(z))


def clamped(log_p: Floats) -> Floats:
    """Return log-probabilities of at least `FLOOR`."""
    return np.maximum(log_p, FLOOR)


def quantised(log_p: Floats) -> NDArray[np.uint8]:
    """Return clamped log-probabilities as one byte each: what `predictions` hold."""
    return np.rint((clamped(log_p) / FLOOR) * STEPS).clip(0, STEPS).astype(np.uint8)


def restored(levels: NDArray[np.uint8]) -> Floats:
    """Return log-probabilities from bytes, made to add up to one again."""
    return log_softmax(levels.astype(np.float64) * (FLOOR / STEPS))


def prior(counts: NDArray[np.float64] | NDArray[np.intp]) -> Floats:
    """Return pi(c) = (n_c + 1) / (n + K), the smoothed share of each class."""
    n = np.asarray(counts, np.float64)
    return np.asarray((n + 1) / (n.sum() + n.size))


def recalls(y: Labels, picked: Labels, classes: int) -> Floats:
    """Return the share of each class that was recognised, [classes]; NaN without a unit."""
    units = np.bincount(y, minlength=classes).astype(np.float64)
    right = np.bincount(y[picked == y], minlength=classes)
    return np.where(units > 0, right / np.maximum(units, 1), np.nan)


def balanced_accuracy(y: Labels, picked: Labels, classes: int) -> float:
    """Return the mean recall over the classes that have units."""
    return float(np.nanmean(recalls(y, picked, classes)))
