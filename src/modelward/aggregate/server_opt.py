"""What the hub does with the mean update: nothing more, momentum, or an adaptive rate.

none       x <- x + lr d
momentum   v <- beta v + d;  x <- x + lr v                  FedAvgM, Hsu et al. 2019,
                                                            arXiv:1909.06335
adam       m <- b1 m + (1 - b1) d;  v <- b2 v + (1 - b2) d^2;
           x <- x + lr m / (sqrt(v) + epsilon)              FedAdam, Reddi et al. 2021,
                                                            arXiv:2003.00295, Algorithm 2
yogi       as adam, with v <- v - (1 - b2) d^2 sign(v - d^2)            FedYogi, ibid.
adagrad    as adam, with v <- v + d^2                                   FedAdagrad, ibid.

d is the mean of site minus global parameters, so a step goes along it. As in Reddi et al.
there is no bias correction, and v starts at epsilon^2.

Plain functions: the state is a table of arrays that the hub stores with the round, so a
run that is resumed goes on as if it had not stopped. All arithmetic is elementwise float32.
"""

import numpy as np
from numpy.typing import NDArray

from modelward.core.study import ServerOptimiser
from modelward.core.tensors import FlatF32

ADAPTIVE = frozenset({"adam", "yogi", "adagrad"})
"""Optimisers with a rate of its own for every parameter."""

State = dict[str, NDArray[np.float32]]
"""Arrays of the model's size by name; empty for `none`."""


def init(choice: ServerOptimiser, size: int) -> State:
    """Return the state before round 1 of a model of `size` parameters."""
    if choice.name == "momentum":
        return {"velocity": np.zeros(size, np.float32)}
    if choice.name in ADAPTIVE:
        start = np.float32(choice.epsilon) ** 2
        return {
            "first": np.zeros(size, np.float32),
            "second": np.full(size, start, np.float32),
        }
    return {}


def step(
    choice: ServerOptimiser, state: State, model: FlatF32, delta: FlatF32
) -> tuple[State, FlatF32]:
    """Return the state and the model after a round.

    Without an optimiser the model is written over `delta`, so that a large one is not there
    twice; `state` and `model` are never changed.

    Args:
        choice: The study's `[plan.server]`.
        state: From `init` or the last `step`.
        model: Global parameters, [size].
        delta: Mean update of the round, [size]; used up.
    """
    lr = np.float32(choice.lr)
    if choice.name == "momentum":
        velocity = np.float32(choice.momentum) * state["velocity"] + delta
        return {"velocity": velocity}, model + lr * velocity
    if choice.name in ADAPTIVE:
        beta1 = np.float32(choice.momentum)
        first: FlatF32 = beta1 * state["first"] + (1 - beta1) * delta
        second = _second(choice, state["second"], delta * delta)
        root: FlatF32 = np.sqrt(second) + np.float32(choice.epsilon)
        moved: FlatF32 = model + lr * first / root
        return {"first": first, "second": second}, moved
    np.multiply(lr, delta, out=delta)
    return {}, np.add(model, delta, out=delta)


def _second(choice: ServerOptimiser, second: FlatF32, square: FlatF32) -> FlatF32:
    """Return the running second moment after an update with this `square`."""
    beta2 = np.float32(choice.beta2)
    if choice.name == "adagrad":
        return second + square
    if choice.name == "yogi":
        towards: FlatF32 = (1 - beta2) * square * np.sign(second - square)
        return second - towards
    return beta2 * second + (1 - beta2) * square
