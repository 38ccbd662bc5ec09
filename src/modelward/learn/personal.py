"""What a site trains for itself, beside the common model.

    ditto        v <- v - lr (grad f(v) + lambda (v - w)), with w the round's model
                 Li et al. 2021, arXiv:2012.04221, Algorithm 1
    fine_tuned   passes from a finished common model, until the held-out loss has not fallen
                 for `PATIENCE` passes; the best pass counts, the common model among them
                 (Yu et al. 2020, arXiv:2002.04758, section 4, with early stopping)

Nothing of this leaves a site. Draws are named apart from those of the common training, so
that a second model changes no bit of the first.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms, descend
from modelward.learn.steps import NO_PULL, Pull
from modelward.recipes.recipe import Recipe

PULL = 0.1
"""Ditto's lambda, where a study names none."""

PATIENCE = 3
"""Passes without a lower held-out loss after which fine-tuning ends."""


def ditto(
    recipe: Recipe,
    own: FlatF32,
    common: FlatF32,
    examples: Examples,
    terms: LocalTerms,
    inputs: Inputs,
) -> FlatF32:
    """Return a site's own model after a round, [size].

    Args:
        recipe: What is trained.
        own: The site's model before, [size]; not changed.
        common: The model of the round, [size].
        examples: The site's training examples.
        terms: How; its pull says how strongly, and is turned to `common` here.
        inputs: What one example looks like.

    Raises:
        TrainingFailed: If the loss is no longer finite.
    """
    flat = own.copy()
    pull = Pull(proximal=terms.pull.proximal, anchor=common)
    descend(recipe, flat, examples, apart(replace(terms, pull=pull)), inputs)
    return flat


def apart(terms: LocalTerms, *more: str | int) -> LocalTerms:
    """Return `terms` with draws of their own."""
    return replace(terms, words=(*terms.words, "own", *more))


def fine_tuned(
    recipe: Recipe,
    common: FlatF32,
    examples: tuple[Examples, Examples],
    terms: LocalTerms,
    passes: int,
    inputs: Inputs,
) -> tuple[FlatF32, int]:
    """Return the common model trained on for one site, and the pass that it comes from.

    Args:
        recipe: What is trained.
        common: The finished common model, [size]; not changed.
        examples: The site's training examples, and those held out.
        terms: How; one pass at a time, without a pull.
        passes: At most.
        inputs: What one example looks like.

    Returns:
        The parameters with the least held-out loss, and the pass they were reached in; 0 is
        the common model, which wins where no pass beats it.

    Raises:
        TrainingFailed: If the loss is no longer finite.
    """
    training, held_out = examples
    flat, best, at = common.copy(), common, 0
    least = loss(recipe, common, held_out, inputs)
    for number in range(1, passes + 1):
        once = replace(apart(terms, number), epochs=1, steps=None, pull=NO_PULL)
        descend(recipe, flat, training, once, inputs)
        found = loss(recipe, flat, held_out, inputs)
        if found < least:
            best, at, least = flat.copy(), number, found
        elif number - at >= PATIENCE:
            break
    return best, at


def loss(recipe: Recipe, flat: FlatF32, examples: Examples, inputs: Inputs) -> float:
    """Return the mean log loss of `flat` on `examples`; probabilities are held from 0 and 1."""
    p = np.clip(recipe.probabilities(flat, examples.x, inputs), 1e-7, 1 - 1e-7)
    y = examples.y
    if inputs.outcome == "levels":
        return float(-np.log(p[np.arange(len(y)), y]).mean())
    if inputs.outcome == "intervals":
        return _loss_of_times(p, y)
    return float(-(y * np.log(p) + (1 - y) * np.log1p(-p)).mean())


def _loss_of_times(p: NDArray[np.float64], y: NDArray[np.float32]) -> float:
    """Return the loss of recipes/objective.Intervals from what it predicts.

    Args:
        p: Probability that the event has come by the end of each interval, [n, intervals].
        y: Event and interval, [n, 2].
    """
    come = np.concatenate([np.zeros((len(p), 1)), p], axis=1)
    rows, place, event = np.arange(len(y)), y[:, 1].astype(int), y[:, 0] == 1
    after = np.minimum(place + 1, p.shape[1])
    chance = np.where(event, come[rows, after] - come[rows, place], 1 - come[rows, place])
    return float(-np.log(np.maximum(chance, 1e-7)).mean())
