"""What is done around a recipe's own step: pulls, and a climb before it.

A recipe changes its flat vector by w <- w - lr v, v <- momentum v + gradient. Both things
here work on that vector from outside, so every recipe has them:

    pull     gradient + mu (w - anchor) + force, with the start of the round as anchor
             mu is FedProx's (Li et al. 2020, arXiv:1812.06127, eq. 2); `force` is a constant
             vector of the round, such as SCAFFOLD's correction. Momentum is linear, so the
             pull's part of the velocity is kept apart and added.
    climb    the gradient is taken at w + rho g / |g|, with g the batch's gradient at w
             (Foret et al. 2021, arXiv:2010.01412, Algorithm 1; at sites, Caldarola et al.
             2022, arXiv:2203.11834). g comes from a step of rate -1 without momentum, on the
             same variation of the inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import Plan
from modelward.core.tensors import FlatF32
from modelward.recipes.recipe import LocalModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pull:
    """A force on the parameters that is no part of the loss.

    Attributes:
        proximal: Strength of the pull to the anchor (mu); 0 for none.
        force: Added to every gradient, [size]; None for nothing.
        anchor: What is pulled to, [size]; the start of the round if None.
    """

    proximal: float = 0.0
    force: FlatF32 | None = None
    anchor: FlatF32 | None = None

    @classmethod
    def of(cls, plan: Plan, force: FlatF32 | None = None) -> "Pull":
        """Return the pull of the study's `[plan.local]`, with `force` added."""
        proximal = plan.local.proximal if plan.local else None
        if proximal is None and force is None:
            return NO_PULL
        return cls(proximal=proximal or 0.0, force=force)

    @property
    def absent(self) -> bool:
        """Whether it does nothing."""
        return self.proximal == 0.0 and self.force is None

    def at(self, flat: FlatF32, start: FlatF32) -> FlatF32:
        """Return the pull on `flat` in a round that began at `start`, [size]."""
        anchor = start if self.anchor is None else self.anchor
        pull = np.float32(self.proximal) * (flat - anchor)
        if self.force is not None:
            pull += self.force
        return pull


NO_PULL = Pull()


class Pulled:
    """A local model whose every step is pulled as well.

    Args:
        inner: The recipe's.
        flat: What it trains; where it is now is the start of the round.
        pull: The force.
        momentum: Of the recipe's steps.
    """

    def __init__(self, inner: LocalModel, flat: FlatF32, pull: Pull, momentum: float) -> None:
        self._inner, self._flat, self._pull = inner, flat, pull
        self._start, self._momentum = flat.copy(), np.float32(momentum)
        self._velocity = np.zeros_like(flat)

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; see recipe.LocalModel."""
        self._velocity *= self._momentum
        self._velocity += self._pull.at(self._flat, self._start)
        loss = self._inner.step(rows, lr, draw)
        self._flat -= np.float32(lr) * self._velocity
        return loss


class Partly:
    """A local model that trains some parameters only.

    Args:
        inner: The recipe's.
        flat: What it trains.
        still: Which parameters stand still, [size].
    """

    def __init__(self, inner: LocalModel, flat: FlatF32, still: NDArray[np.bool_]) -> None:
        self._inner, self._flat, self._still = inner, flat, still
        self._held = flat[still]

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; see recipe.LocalModel."""
        loss = self._inner.step(rows, lr, draw)
        self._flat[self._still] = self._held
        return loss


class Sharp:
    """A local model whose steps follow the gradient from the top of a short climb.

    Args:
        inner: The recipe's.
        climber: Another of the recipe's on the same vector, without momentum.
        flat: What both train.
        length: Of the climb (rho).
    """

    def __init__(
        self, inner: LocalModel, climber: LocalModel, flat: FlatF32, length: float
    ) -> None:
        self._inner, self._climber = inner, climber
        self._flat, self._length = flat, length

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        """Change the vector in place by one step; see recipe.LocalModel."""
        before, drawn = self._flat.copy(), draw.bit_generator.state
        self._climber.step(rows, -1.0, draw)
        draw.bit_generator.state = drawn
        gradient = self._flat - before
        norm = float(np.sqrt(np.square(gradient, dtype=np.float64).sum()))
        if norm > 0.0:
            gradient *= np.float32(self._length / norm)
        np.add(before, gradient, out=self._flat)
        climbed = self._flat - before
        loss = self._inner.step(rows, lr, draw)
        self._flat -= climbed
        return loss


def around(
    make: Callable[[float], LocalModel],
    flat: FlatF32,
    *,
    momentum: float,
    sharpness: float,
    pull: Pull,
) -> LocalModel:
    """Return the local model that `make` gives for a momentum, with climb and pull around it.

    The climb is inside: the pull is taken where the step starts, as it is no part of the loss.
    """
    model = make(momentum)
    if sharpness:
        model = Sharp(model, make(0.0), flat, sharpness)
    return model if pull.absent else Pulled(model, flat, pull, momentum)
