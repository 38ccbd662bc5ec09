"""Points for two pictures: the ROC curve and the reliability diagram.

Both are drawn from groups of at least ten patients with like predictions, never from single
ones, so a picture shows no patient. A ROC curve through groups is coarser than the exact
one; the AUC that stands beside it is exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.evaluate.estimate import Interval
from modelward.evaluate.patients import Whose, owners_of, persons, share_interval
from modelward.evaluate.predictions import Floats, Predictions

SMALLEST_GROUP = 10
"""Fewest patients behind a point of a picture."""


@dataclass(frozen=True, slots=True)
class RocPoint:
    """One threshold.

    Attributes:
        threshold: Probabilities from here on count as a yes.
        false_alarms: Share of negatives that get a yes, which is 1 - specificity.
        sensitivity: Share of positives that get a yes.
    """

    threshold: float
    false_alarms: float
    sensitivity: float


@dataclass(frozen=True, slots=True)
class ReliabilityPoint:
    """One group of units with like predictions.

    Attributes:
        predicted: Mean predicted probability of the group.
        observed: Share of the group whose outcome happened.
        interval: Wilson's interval of that share.
        units: Size of the group.
    """

    predicted: float
    observed: float
    interval: Interval
    units: int


def roc(
    predictions: Predictions, *, groups: int = 12, smallest: int = SMALLEST_GROUP
) -> tuple[RocPoint, ...]:
    """Return points of the ROC curve from few to many false alarms, (0, 0) left out.

    Args:
        predictions: Units of one site or several.
        groups: Most points to return.
        smallest: Fewest patients between two points.

    Returns:
        The last point is (1, 1). Empty if all units have the same outcome or there are
        fewer than `smallest`.
    """
    if predictions.smaller_class == 0:
        return ()
    points = []
    yes = no = 0
    split = groups_of_like_predictions(
        predictions.probability, groups, smallest, predictions.owner
    )
    for rows in reversed(split):
        hits = int(predictions.outcome[rows].sum())
        yes, no = yes + hits, no + rows.size - hits
        points.append(
            RocPoint(
                threshold=float(predictions.probability[rows].min()),
                false_alarms=no / predictions.negatives,
                sensitivity=yes / predictions.positives,
            )
        )
    return tuple(points)


def reliability(
    predictions: Predictions, *, groups: int = 10, smallest: int = SMALLEST_GROUP
) -> tuple[ReliabilityPoint, ...]:
    """Return observed against predicted, in groups of about equal size.

    Args:
        predictions: Units of one site or several.
        groups: Most points to return.
        smallest: Fewest patients in a group; empty if there are fewer than this.
    """
    points = []
    owner = predictions.owner
    for rows in groups_of_like_predictions(predictions.probability, groups, smallest, owner):
        hits = int(predictions.outcome[rows].sum())
        points.append(
            ReliabilityPoint(
                predicted=float(predictions.probability[rows].mean()),
                observed=hits / rows.size,
                interval=share_interval(predictions.outcome[rows], owners_of(rows, owner)),
                units=int(rows.size),
            )
        )
    return tuple(points)


def groups_of_like_predictions(
    probability: Floats, groups: int, smallest: int, owner: Whose | None = None
) -> list[NDArray[np.intp]]:
    """Split row numbers, by rising probability, into groups of at least `smallest` patients.

    Equal probabilities stay together, so the split does not depend on the order of rows.

    Args:
        probability: Of every unit.
        groups: Most groups.
        smallest: Fewest patients in a group.
        owner: Patient of every unit; None where each is its own.

    Returns:
        At most `groups` groups, together every row once; none if there are fewer than
        `smallest` patients.
    """
    n = probability.size
    if persons(np.ones(n, bool), owner) < smallest:
        return []
    order = np.argsort(probability, kind="stable")
    size = max(smallest, -(-n // groups))
    ends = np.flatnonzero(np.diff(probability[order]) > 0) + 1  # where a group may end
    cuts = [0]
    for end in ends:
        long = end - cuts[-1] >= size and n - end >= smallest
        if long and (
            owner is None
            or min(
                np.unique(owner[order[cuts[-1] : end]]).size, np.unique(owner[order[end:]]).size
            )
            >= smallest
        ):
            cuts.append(int(end))
    return [order[low:high] for low, high in zip(cuts, [*cuts[1:], n], strict=True)]
