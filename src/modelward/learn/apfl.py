"""APFL: a site's own model, mixed with the common one as far as that helps.

Source: Deng et al. 2020, arXiv:2003.13461, Algorithm 1 and section 4.1. With w the local
copy of the common model, v the site's own and vbar = alpha v + (1 - alpha) w, each step is

    v <- v - lr grad_v f(vbar)  =  v - lr alpha grad f(vbar)
    w <- w - lr grad f(w)                         on the same batch; w leaves, as in FedAvg

and alpha <- alpha - lr <v - w, grad f(vbar)>, held to [0, 1], at the first step of a round.
What a site predicts with is vbar. With alpha = 0 it is the common model; v is then not moved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np

from modelward.core.columns import Inputs
from modelward.core.tensors import FlatF32
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms, batches, diverged
from modelward.learn.steps import around
from modelward.recipes.layers.draws import draws
from modelward.recipes.recipe import LocalModel, Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """A site's own model.

    Attributes:
        own: v, [size].
        share: alpha, in [0, 1].
    """

    own: FlatF32
    share: float

    def with_common(self, common: FlatF32) -> FlatF32:
        """Return vbar, what the site predicts with, [size]."""
        share = np.float32(self.share)
        return share * self.own + (1 - share) * common


def descend(
    recipe: Recipe,
    flat: FlatF32,
    mixed: Mixed,
    examples: Examples,
    terms: LocalTerms,
    inputs: Inputs,
) -> Mixed:
    """Train `flat`, the common model, in place as sgd.descend does, and `mixed` beside it.

    Returns:
        The site's own model after the round.

    Raises:
        TrainingFailed: If a loss is no longer finite.
    """
    draw, descent = draws(*terms.words), terms.descent(examples)
    at = np.empty_like(flat)

    def made(vector: FlatF32) -> Callable[[float], LocalModel]:
        def make(momentum: float) -> LocalModel:
            how = type(descent)(
                momentum=momentum, offset=descent.offset, weights=descent.weights
            )
            return recipe.local_model(vector, examples.x, examples.y, inputs, how)

        return make

    common = around(
        made(flat),
        flat,
        momentum=terms.momentum,
        sharpness=terms.sharpness,
        pull=terms.pull,
    )
    probe = made(at)(0.0)
    own, share, first = mixed.own.copy(), mixed.share, True
    for rows in batches(len(examples.y), terms, draw):
        drawn = draw.bit_generator.state
        before = Mixed(own, share).with_common(flat)
        np.copyto(at, before)
        with np.errstate(over="ignore", invalid="ignore"):  # found below
            probe.step(rows, -1.0, draw)
            gradient = at - before
            draw.bit_generator.state = drawn
            if first:
                slope = float(np.sum((own - flat) * gradient, dtype=np.float64))
                share = min(max(share - terms.lr * slope, 0.0), 1.0) if isfinite(slope) else 0
                first = False
            own -= np.float32(terms.lr * share) * gradient
            loss = common.step(rows, terms.lr, draw)
        if not (isfinite(loss) and np.isfinite(own).all()):
            raise diverged(f"the loss became {loss} at learning rate {terms.lr:g}")
    return Mixed(own, share)
