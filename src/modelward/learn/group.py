"""Local training of several sites of a study in one process, for simulations.

Same terms, draws, clipping and grid as sgd.py, and updates equal to its up to the last bits
of float32 (tests/contract/test_fast_paths.py). Only a recipe with a batched form has one;
today that is `mlp`. Sites between institutions never train in one process.
"""

from collections.abc import Mapping

import numpy as np

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms, batches, diverged, offer
from modelward.recipes.layers.draws import draws
from modelward.recipes.networks.mlp import Mlp
from modelward.recipes.recipe import Recipe

SIZE = 10
"""Sites in a group; fixed, because another size may round differently."""

MAX_PARAMETERS = 100_000
"""Above this, arithmetic takes longer than calling it, and a group gains nothing."""

SITE_BY_SITE = "site by site"


def numeric_path(recipe: Recipe, inputs: Inputs, sites: int) -> str:
    """Return the name of the arithmetic that trains `sites` sites of a simulation fastest.

    Depends on the study alone, never on this machine or its workers. Results of different
    paths may differ in their last bits, so a result names its path.
    """
    small = recipe.schema(inputs).size <= MAX_PARAMETERS
    if isinstance(recipe, Mlp) and small and sites >= SIZE and inputs.levels == 1:
        return f"groups of {SIZE}"
    return SITE_BY_SITE


def train_group(
    recipe: Mlp,
    start: FlatF32,
    sites: Mapping[int, tuple[Examples, LocalTerms]],
    inputs: Inputs,
    outs: Mapping[int, FlatF32] | None = None,
) -> dict[int, FlatF32]:
    """Return the updates of up to `SIZE` sites for one round, by place.

    Args:
        recipe: What is trained.
        start: Global parameters, [size]; not changed.
        sites: Place in the group, below `SIZE`, to examples and terms. A site keeps its
            place whoever else takes part; learning rate, momentum and batch are common.
        inputs: What one example looks like.
        outs: Where to leave the update of each place, [size]; new vectors if absent.

    Raises:
        TrainingFailed: If a loss is no longer finite.
    """
    from modelward.recipes.networks.mlp_group import Member, MlpGroup  # noqa: PLC0415 - imports torch

    common = next(iter(sites.values()))[1]
    members = {
        place: Member(
            examples.x,
            examples.y,
            terms.descent(examples),
            batches(len(examples.y), terms, draws(*terms.words)),
        )
        for place, (examples, terms) in sites.items()
    }
    schema = recipe.schema(inputs)
    group = MlpGroup(recipe.layers, schema, start, members, places=SIZE, batch=common.batch)
    with np.errstate(over="ignore", invalid="ignore"):  # found in the next line
        finite = group.train(common.lr)
    if not finite:
        raise diverged(f"a loss is no longer finite at learning rate {common.lr:g}")
    updates: dict[int, FlatF32] = {}
    for place, (_, terms) in sites.items():
        flat = np.empty_like(start) if outs is None else outs[place]
        group.parameters(place, flat)
        updates[place] = offer(flat, start, terms.clip)
    return updates
