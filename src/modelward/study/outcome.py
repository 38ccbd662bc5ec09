"""An outcome that is more than yes or no, as yes or no.

Grades, masks and times have figures of their own (evaluate/measures/grading.py,
evaluate/measures/overlap.py). Everything else that counts, watches, tests and compares is about
one question with the answer yes or no, and `said_yes` gives the probability of a yes that a
model's output implies:

    levels      the sum over the levels that count as a yes
    mask        the largest of all pixels: whether anything is there at all
    intervals   that the event has come by the end of the last one

`yes_of` gives what really happened, by the same rule.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget
from modelward.core.tensors import FlatF32
from modelward.recipes.catalogue import recipe

Floats = NDArray[np.float64]


def outputs(study: Study, flat: FlatF32, x: NDArray[Any]) -> Floats:
    """Return what the recipe of `study` predicts of `x`, in the shape of recipe.Recipe."""
    return recipe(study.recipe).probabilities(flat, x, inputs(study))


def chances(study: Study, flat: FlatF32, x: NDArray[Any]) -> Floats:
    """Return the probability of a yes for every example of `x`, [n]."""
    return said_yes(study, outputs(study, flat, x))


def said_yes(study: Study, p: Floats) -> Floats:
    """Return the probability of a yes, [n], that the outputs `p` imply."""
    shape = inputs(study)
    if shape.outcome == "levels" and isinstance(study.outcome, CategoryTarget):
        yes: Floats = p[:, list(study.outcome.counts_as_yes)].sum(1)
        return np.minimum(yes, 1.0)
    if shape.outcome == "mask":
        highest: Floats = p.reshape(len(p), -1).max(1) if len(p) else np.empty(0)
        return highest
    return p[:, -1] if shape.outcome == "intervals" else p
