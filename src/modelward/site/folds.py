"""One fold of a site's units, as a recipe sees them."""

from modelward.learn.examples import Examples
from modelward.readers.cohort import Cohort, Fold
from modelward.study.model import Model


def examples(cohort: Cohort, fold: Fold, model: Model) -> Examples:
    """Return one fold as a recipe sees it: scaled columns, or images as they are."""
    x, y = cohort.fold(fold)
    if model.scaling is not None:
        x = model.scaling.apply(x)
    return Examples(x=x, y=y, patients=len(y))
