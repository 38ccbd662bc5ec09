"""Metrics from score histograms, the form in which they leave a site.

A site counts its positives and its negatives in B equal bins of predicted probability; the
counts of several sites add up. AUC, accuracy and loss of the union follow from the sums, with
a bracket that the exact figure cannot leave: that bracket is the binning error, stated
instead of guessed (docs/statistics.md).

Bin j holds j/B <= p < (j+1)/B; the last also holds p = 1. B is even, so that a threshold of
one half lies between two bins and accuracy is exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.errors import DataError
from modelward.evaluate.predictions import Floats, Predictions

BINS = 256
"""Bins that sites use unless the study says otherwise."""

CLIP = 1e-3
"""For the loss, probabilities are held this far from 0 and 1, so one unit costs at most 6.9."""

Counts = NDArray[np.int64]
"""Shape (2, B): row 0 negatives, row 1 positives, by bin of predicted probability."""


@dataclass(frozen=True, slots=True)
class Bracketed:
    """A figure known up to binning.

    Attributes:
        value: Best guess.
        low: The exact figure is not below this.
        high: The exact figure is not above this.
    """

    value: float
    low: float
    high: float


def histogram(predictions: Predictions, bins: int = BINS) -> Counts:
    """Count units by outcome and bin.

    Args:
        predictions: Units of one site or several.
        bins: Number of bins B, even and at least 2.

    Raises:
        DataError: If `bins` is odd or below 2.
    """
    if bins < 2 or bins % 2:  # noqa: PLR2004 - the smallest even number of bins
        raise DataError(
            f"{bins} bins were asked for",
            why="only with an even number is the threshold of 0.5 the edge of a bin",
            remedy=f"use an even number of bins, such as {BINS}",
        )
    cell = place(predictions.probability, bins) + bins * predictions.outcome
    return np.bincount(cell, minlength=2 * bins).reshape(2, bins)


def place(probability: Floats, bins: int) -> NDArray[np.int64]:
    """Return the bin of each probability, counted from 0."""
    edges = np.arange(1, bins) / bins
    return np.searchsorted(edges, probability, side="right")


def auc(counts: Counts) -> Bracketed | None:
    """Return the AUC; None if one outcome is missing.

    Pairs within a bin count one half, so the value is off by at most half their share.
    """
    negatives, positives = counts.astype(np.float64)
    pairs = positives.sum() * negatives.sum()
    if pairs == 0:
        return None
    below = np.cumsum(negatives) - negatives
    unsure = float(positives @ negatives / pairs) / 2
    value = float(positives @ below / pairs) + unsure
    return Bracketed(value, value - unsure, value + unsure)


def accuracy(counts: Counts) -> Bracketed | None:
    """Return the share of units on the right side of one half, exact; None if nobody."""
    half = counts.shape[1] // 2
    everyone = int(counts.sum())
    if everyone == 0:
        return None
    value = (int(counts[0, :half].sum()) + int(counts[1, half:].sum())) / everyone
    return Bracketed(value, value, value)


def loss(counts: Counts) -> Bracketed | None:
    """Return the mean log loss in nats, probabilities clipped at `CLIP`; None if nobody.

    The value takes every probability at the middle of its bin, the bracket at its ends.
    """
    everyone = int(counts.sum())
    if everyone == 0:
        return None
    bins = counts.shape[1]
    edges = np.clip(np.arange(bins + 1) / bins, CLIP, 1 - CLIP)
    middle = np.clip((np.arange(bins) + 0.5) / bins, CLIP, 1 - CLIP)

    def mean(if_negative: Floats, if_positive: Floats) -> float:
        return float(counts[0] @ -np.log1p(-if_negative) - counts[1] @ np.log(if_positive)) / (
            everyone
        )

    return Bracketed(
        mean(middle, middle), mean(edges[:-1], edges[1:]), mean(edges[1:], edges[:-1])
    )


FIGURES = {"auc": auc, "accuracy": accuracy, "loss": loss}
"""What can be watched, by the name that a study gives it."""


GAIN = "gain"
"""Name of what scores save, in nats a unit, against a constant: the share with the outcome."""


def figures(counts: Counts) -> dict[str, float]:
    """Return what can be watched, and `GAIN`, by name; NaN where one has no value."""
    found = {name: figure(counts) for name, figure in FIGURES.items()}
    values = {name: each.value if each else np.nan for name, each in found.items()}
    return {**values, GAIN: _of_the_share(counts) - values["loss"]}


def _of_the_share(counts: Counts) -> float:
    """Return the log loss, in nats, of the share with the outcome; 0 where all are alike."""
    shares = counts.sum(axis=1) / max(1, int(counts.sum()))
    return -float(sum(share * np.log(share) for share in shares if share > 0))
