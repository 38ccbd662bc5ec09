"""One fold of a site's units, as a recipe sees them."""

import numpy as np

from modelward.core.columns import inputs
from modelward.learn.examples import Examples
from modelward.readers.cohort import Cohort, Fold
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
    return Examples(x=x, y=y, patients=len(y))
