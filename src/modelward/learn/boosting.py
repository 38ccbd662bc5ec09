"""Boosted trees on records in one place: the pooled and local baselines of a report.

The same sums and the same steps as over sites (recipes/trees/trees.py), with every cell shown,
since nothing leaves. Where a federated study had no small cell to hide, its trees have these
bits.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Study
from modelward.core.tensors import Schema, Tensors
from modelward.errors import StudyFileError
from modelward.learn.examples import Examples
from modelward.recipes.analysis import Heard
from modelward.recipes.catalogue import recipe
from modelward.recipes.trees import tree_sums
from modelward.recipes.trees.trees import Trees


def grow(
    study: Study, start: NDArray[Any], training: Examples, rounds: int
) -> Iterator[NDArray[np.float64]]:
    """Yield the state after each round, until no more trees are grown.

    Args:
        study: Its recipe is `trees`.
        start: The state before the first round.
        training: Scaled columns and outcomes.
        rounds: At most.

    Raises:
        StudyFileError: If its recipe is another.
    """
    made = recipe(study.recipe)
    if not isinstance(made, Trees):
        raise StudyFileError(
            f"recipe {study.recipe.name!r} grows no trees",
            why="boosting is for the recipe 'trees'",
            remedy='use [recipe] name = "trees", or another [plan] strategy',
        )
    schema, flat = made.state(study), np.asarray(start, np.float64)
    for _ in range(rounds):
        state = schema.split(flat)
        if made.ended(state) is not None:
            return
        sums = tree_sums.local(made.shape, state, training.x, training.y, least=1)
        flat = _joined(schema, made.step(study, Heard(totals=sums), state))
        yield flat


def _joined(schema: Schema, named: Tensors) -> NDArray[np.float64]:
    return np.concatenate([np.asarray(named[s.name], np.float64).reshape(-1) for s in schema])
