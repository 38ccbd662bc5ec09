"""One fold of a site's units, as a recipe sees them, and whom a yes or a no is known of."""

from dataclasses import replace

import numpy as np

from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.learn.examples import Examples
from modelward.readers.cohort import FOLDS, Cohort, Fold
from modelward.study.intervals import ends_of, targets, unknown
from modelward.study.model import Model


def examples(cohort: Cohort, fold: Fold, model: Model) -> Examples:
    """Return one fold as a recipe sees it: scaled columns, or images as they are."""
    x, y = cohort.fold(fold)
    if model.scaling is not None:
        x = model.scaling.apply(x)
    shape = inputs(model.study)
    if shape.outcome == "levels":
        levels = np.asarray(cohort.amounts(fold), np.int8)
        return Examples(x=x, y=levels, patients=len(y), levels=shape.levels)
    if shape.outcome == "mask" and cohort.masks is not None:
        return Examples(x=x, y=cohort.masks[cohort.chosen(fold)], patients=len(y))
    days = cohort.amounts(fold)
    if shape.outcome == "intervals" and days is not None:
        placed = targets(ends_of(model.study), days, y)
        return Examples(x=x, y=placed, patients=len(y))
    return Examples(x=x, y=y, patients=len(y))


NOWHERE = -1
"""Fold of a unit that is in none."""


def answerable(study: Study, cohort: Cohort) -> Cohort:
    """Return the cohort without those to be judged whose yes or no nobody knows.

    Where the outcome is a time in intervals, units that left before the horizon without the
    event are taken out of the validation and test units. They stay in training.
    """
    if inputs(study).outcome != "intervals" or cohort.amount is None:
        return cohort
    out = unknown(ends_of(study), cohort.amount, cohort.y) & (cohort.folds != FOLDS["train"])
    return replace(cohort, folds=np.where(out, NOWHERE, cohort.folds).astype(np.int8))
