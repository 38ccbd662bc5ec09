"""Local training by stochastic gradient descent, in place in one flat vector.

FedAvg's client (McMahan et al. 2017, arXiv:1602.05629, Algorithm 1, ClientUpdate): E epochs
over the site's own examples in random batches. What a site offers is then

    delta = local - start,  scaled down to L2 norm `clip`,  rounded to the grid of updates

The loop here owns batches, learning rate and stop; what a step does is the recipe's, and what
is done around one is steps.py's. The
same terms on the same examples give the same bits in whichever process they run: draws are
named (recipes/layers/draws.py), torch has one thread, and nothing depends on time.

Not here: noise for privacy (learn/dp.py), the sums (aggregate/fixed_point.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, cos, isfinite, pi, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

from modelward.aggregate.fixed_point import CHUNK, UPDATE_BITS, round_update
from modelward.core.columns import Inputs
from modelward.core.study import Plan
from modelward.core.tensors import FlatF32
from modelward.errors import TrainingFailed
from modelward.learn.examples import Examples
from modelward.learn.steps import NO_PULL, Partly, Pull, around
from modelward.recipes.layers.draws import draws
from modelward.recipes.recipe import Descent, LocalModel, Recipe
from modelward.recipes.regression.logit import (
    class_weights,
    level_weights,
    log_prior_odds,
    log_shares,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTerms:
    """What the signed plan says about one site's training in one round.

    Attributes:
        epochs: Passes over the site's examples.
        batch: Examples per step; the last step of an epoch takes what is left.
        lr: Learning rate of this round.
        momentum: In [0, 1); starts from rest each round.
        adjust_logits: Whether to train on z + the site's log prior odds (Menon et al. 2021).
        clip: L2 norm that the update is scaled down to; greater than 0.
        words: Name of the draws: study seed, round, site.
        steps: Steps of the round, over as many passes as they take; None for `epochs` passes.
        pull: What is added to every gradient (steps.py).
        sharpness: Length of the climb before each step; 0 for none (steps.py).
        weigh_classes: Whether both outcomes count alike in the loss.
        still: Which parameters are not trained, [size]; None for none.
    """

    epochs: int
    batch: int
    lr: float
    momentum: float
    adjust_logits: bool
    clip: float
    words: tuple[str | int, ...]
    steps: int | None = None
    pull: Pull = NO_PULL
    sharpness: float = 0.0
    weigh_classes: bool = False
    still: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, plan: Plan, *, clip: float, round_no: int, site: str) -> Self:
        """Return the terms of `site` in round `round_no` (from 1) of `plan`."""
        return cls(
            epochs=plan.local_epochs,
            batch=plan.batch,
            lr=learning_rate(plan, round_no),
            momentum=plan.momentum,
            adjust_logits=plan.label_skew == "logit-adjustment",
            clip=clip,
            words=("train", plan.seed, round_no, site),
            steps=plan.local.steps if plan.local else None,
            pull=Pull.of(plan),
            sharpness=(plan.local.sharpness if plan.local else None) or 0.0,
            weigh_classes=plan.label_skew == "class-weights",
        )

    def descent(self, examples: Examples) -> Descent:
        """Return how steps are made on these examples."""
        if examples.levels > 2:  # noqa: PLR2004 - yes and no
            return self._of_levels(examples)
        if examples.y.dtype != np.int8:
            return Descent(momentum=self.momentum)  # masks and times have no share of yes
        offset = log_prior_odds(examples.y) if self.adjust_logits else 0.0
        weights = (1.0, 1.0)
        if self.weigh_classes:
            weights = class_weights(int(np.count_nonzero(examples.y)), len(examples.y))
        return Descent(momentum=self.momentum, offset=offset, weights=weights)

    def _of_levels(self, examples: Examples) -> Descent:
        """Return how steps are made where an outcome has several levels."""
        y, levels = examples.y, examples.levels
        return Descent(
            momentum=self.momentum,
            offset=log_shares(y, levels) if self.adjust_logits else 0.0,
            weights=level_weights(y, levels) if self.weigh_classes else (1.0,) * levels,
        )

    def steps_over(self, n: int) -> int:
        """Return how many steps `n` examples make in a round."""
        return self.steps or self.epochs * ceil(n / self.batch)


def learning_rate(plan: Plan, round_no: int) -> float:
    """Return the local learning rate of round `round_no`, counted from 1.

    constant   plan.lr
    cosine     plan.lr * (1 + cos(pi * (round_no - 1) / rounds)) / 2, so round 1 has plan.lr
               and the round after the last would have 0 (Loshchilov and Hutter 2017,
               arXiv:1608.03983, eq. 5, one period over the rounds)
    """
    if plan.schedule == "constant":
        return plan.lr
    return plan.lr * 0.5 * (1.0 + cos(pi * (round_no - 1) / plan.rounds))


def train(
    recipe: Recipe,
    start: FlatF32,
    examples: Examples,
    terms: LocalTerms,
    inputs: Inputs,
    out: FlatF32 | None = None,
) -> FlatF32:
    """Return the update of one site for one round.

    Args:
        recipe: What is trained.
        start: Global parameters, [size]; not changed.
        examples: The site's training examples.
        terms: How.
        inputs: What one example looks like.
        out: Where to train and leave the update, [size], such as shared memory; a new
            vector if absent. Large models then exist once per worker.

    Returns:
        `out`: local minus global parameters, L2 norm at most `terms.clip`, on the grid of
        updates.

    Raises:
        TrainingFailed: If the loss is no longer finite.
    """
    flat = np.empty_like(start) if out is None else out
    np.copyto(flat, start)
    descend(recipe, flat, examples, terms, inputs)
    return offer(flat, start, terms.clip)


def descend(
    recipe: Recipe, flat: FlatF32, examples: Examples, terms: LocalTerms, inputs: Inputs
) -> None:
    """Train `flat` in place, as `terms` say, without clipping or rounding.

    Raises:
        TrainingFailed: If the loss is no longer finite.
    """
    draw = draws(*terms.words)
    descent = terms.descent(examples)

    def make(momentum: float) -> LocalModel:
        how = replace(descent, momentum=momentum)
        return recipe.local_model(flat, examples.x, examples.y, inputs, how)

    model = around(
        make, flat, momentum=terms.momentum, sharpness=terms.sharpness, pull=terms.pull
    )
    if terms.still is not None:
        model = Partly(model, flat, terms.still)
    for rows in batches(len(examples.y), terms, draw):
        with np.errstate(over="ignore", invalid="ignore"):  # found in the next line
            loss = model.step(rows, terms.lr, draw)
        if not isfinite(loss):
            raise diverged(f"the loss became {loss} at learning rate {terms.lr:g}")


def batches(
    n: int, terms: LocalTerms, draw: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of every step: all `n` examples in a new order in each epoch."""
    left = terms.steps_over(n)
    while left:
        order = draw.permutation(n)
        for first in range(0, n, terms.batch)[:left]:
            yield order[first : first + terms.batch]
            left -= 1


def offer(flat: FlatF32, start: FlatF32, clip: float) -> FlatF32:
    """Turn local parameters into an update, in place: difference, clip, grid.

    Rounding moves each value by up to 2^-25, and so the norm by up to sqrt(size) * 2^-25.
    Clipping leaves room for that, so the bound holds for what is sent.

    Raises:
        TrainingFailed: If a parameter is not finite.
    """
    square = 0.0
    for first in range(0, flat.size, CHUNK):
        part = flat[first : first + CHUNK]
        np.subtract(part, start[first : first + CHUNK], out=part)
        square += float(np.sum(np.square(part, dtype=np.float64)))
    if not isfinite(square):
        raise diverged("local training ended in parameters that are not finite numbers")
    room = clip - sqrt(flat.size) * 2.0 ** -(UPDATE_BITS + 1)
    bound = max(room, 0.0) * (1.0 - 2.0**-22)  # the product below is rounded as well
    if square > bound * bound:
        flat *= np.float32(bound / sqrt(square))
    return round_update(flat)


def diverged(what: str) -> TrainingFailed:
    """Return the error for training whose numbers are no longer finite."""
    return TrainingFailed(
        what,
        why="parameters that are not finite numbers teach nobody anything",
        remedy="lower plan.lr, and look for impossible values in the inputs",
    )
