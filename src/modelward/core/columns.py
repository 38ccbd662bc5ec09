"""From the features of a study to the columns of its design matrix.

Every site builds the same columns in the same order from the study alone, whatever its own
data look like: one column for a number or a boolean, one for every level but the first of
a category. That is what makes sums over sites meaningful.
"""

from dataclasses import dataclass, replace
from typing import Literal

from modelward.core.features import CategoryFeature, ImageFeature, NumberFeature
from modelward.core.sequences import CHANNELS, Item, SequenceFeature, items_of
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget, MaskTarget, TimeToEventTarget

Predicted = Literal["yes-no", "levels", "mask", "intervals"]
"""What a recipe says of one example."""

TWO = 2
"""Levels that are a yes and a no."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the design matrix.

    Attributes:
        name: `creatinine`, or `chest_pain=typical` for a level of a category.
        feature: The study feature it comes from.
        level: The level it indicates; None for numbers and booleans.
        low: Smallest value the study allows, in the feature's unit.
        high: Largest value the study allows.
        standardise: Whether it becomes a z-score from federated statistics.
        indicates: Whether it says yes or no: of a boolean, or of a level of a category.
    """

    name: str
    feature: str
    level: str | None
    low: float
    high: float
    standardise: bool
    indicates: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one example looks like to a recipe.

    Attributes:
        kind: `table` (a vector of `shape[0]` columns), `image` (`shape` = height, width; or
            depth, height, width of a volume), `sequence` (`shape` = steps, 3; packed as
            core/sequences.py has it) or `image-and-table` (`shape` is the image's; packed as
            core/modalities.py has it).
        shape: Extents of one example, without the batch.
        intensity: Images only: the pixel values that become -1 and +1.
        items: Sequences only: items 1, 2, 3 and so on.
        days: Sequences only: smallest and largest number of days before the index.
        outcome: What is predicted of one example: yes or no, one of several levels, a mask of
            the image's extents, or in which interval of time an event comes.
        levels: Values that a network gives of one example: 1, or one per level or interval.
        columns: Images with a table only: columns of the table.
    """

    kind: Literal["table", "image", "sequence", "image-and-table"]
    shape: tuple[int, ...]
    intensity: tuple[float, float] = (0.0, 255.0)
    items: tuple[Item, ...] = ()
    days: tuple[int, int] = (0, 0)
    outcome: Predicted = "yes-no"
    levels: int = 1
    columns: int = 0


def columns(study: Study) -> tuple[Column, ...]:
    """Return the columns of the table features, in the order of the features' names.

    Not in the order of the study file: a study is its canonical JSON, which has no order of
    keys, and whoever holds the same study must build the same columns.
    """
    found: list[Column] = []
    for name, feature in sorted(study.features.items()):
        if isinstance(feature, ImageFeature | SequenceFeature):
            continue
        standardise = feature.scale == "standard"
        if isinstance(feature, CategoryFeature):
            found += [
                Column(f"{name}={level}", name, level, 0.0, 1.0, standardise, indicates=True)
                for level in feature.levels[1:]
            ]
        elif isinstance(feature, NumberFeature):
            found.append(Column(name, name, None, *feature.range, standardise))
        else:
            found.append(Column(name, name, None, 0.0, 1.0, standardise, indicates=True))
    return tuple(found)


def summed_columns(study: Study) -> tuple[Column, ...]:
    """Return the columns that sites take sums over for scaling: all of them, or none.

    None where a study under differential privacy scales by its features' ranges.
    """
    dp = study.privacy.dp
    return () if dp is not None and dp.scaling == "ranges" else columns(study)


def inputs(study: Study) -> Inputs:
    """Return what one example of the study looks like to its recipe."""
    image, told = study.image, _told(study)
    if image is not None:
        _, feature = image
        told = replace(told, kind="image", shape=feature.shape, intensity=feature.intensity)
        beside = len(columns(study))
        return replace(told, kind="image-and-table", columns=beside) if beside else told
    if study.sequence is not None:
        _, events = study.sequence
        first, last = events.window
        return replace(
            told,
            kind="sequence",
            shape=(events.steps, CHANNELS),
            items=items_of(events),
            days=(-last, -first),
        )
    return told


def _told(study: Study) -> Inputs:
    """Return the inputs of a table, with what is predicted of one example."""
    shape = (len(columns(study)),)
    if isinstance(study.outcome, MaskTarget):
        return Inputs("table", shape, outcome="mask")
    if isinstance(study.outcome, TimeToEventTarget) and study.outcome.intervals:
        ends = study.outcome.intervals
        return Inputs("table", shape, outcome="intervals", levels=len(ends))
    levels = len(getattr(study.outcome, "levels", ()))
    if isinstance(study.outcome, CategoryTarget) and levels > TWO:
        return Inputs("table", shape, outcome="levels", levels=levels)
    return Inputs("table", shape)
