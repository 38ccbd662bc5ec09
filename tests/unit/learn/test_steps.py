"""What is done around a recipe's step, on a parabola where every step is known by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from modelward.core.tensors import FlatF32
from modelward.learn.steps import NO_PULL, Partly, Pull, around

ROWS = np.arange(1)


class Parabola:
    """Loss |w|^2 / 2, gradient w; draws one number a step, as augmentation would."""

    def __init__(self, flat: FlatF32, momentum: float, drawn: list[float]) -> None:
        self.flat, self.momentum, self.drawn = flat, np.float32(momentum), drawn
        self.velocity = np.zeros_like(flat)

    def step(self, rows: NDArray[np.int64], lr: float, draw: np.random.Generator) -> float:
        assert len(rows) == 1
        self.drawn.append(float(draw.random()))
        loss = float((self.flat**2).sum() / 2)
        self.velocity = self.momentum * self.velocity + self.flat
        self.flat -= np.float32(lr) * self.velocity
        return loss


def stepped(
    steps: int,
    *,
    momentum: float = 0.0,
    sharpness: float = 0.0,
    pull: Pull = NO_PULL,
    start: tuple[float, float] = (3.0, 4.0),
) -> tuple[list[float], list[float]]:
    """Return where `steps` steps at rate 0.5 lead, and what was drawn."""
    flat, drawn = np.array(start, np.float32), list[float]()
    model = around(
        lambda m: Parabola(flat, m, drawn),
        flat,
        momentum=momentum,
        sharpness=sharpness,
        pull=pull,
    )
    draw = np.random.default_rng(1)
    for _ in range(steps):
        model.step(ROWS, 0.5, draw)
    return flat.tolist(), drawn


def test_without_anything_around_it_a_step_is_the_recipes_own():
    assert stepped(1)[0] == [1.5, 2.0]


def test_a_pull_counts_from_the_start_of_the_round():
    # w1 = 3 - 0.5 * 3 = 1.5; w2 = 1.5 - 0.5 * (1.5 + 2 * (1.5 - 3)) = 2.25
    assert stepped(2, pull=Pull(proximal=2.0))[0][0] == 2.25


def test_a_pull_can_be_anchored_elsewhere():
    anchor = np.array([1.0, 0.0], np.float32)

    # w1 = 3 - 0.5 * (3 + 1 * (3 - 1)) = 0.5
    assert stepped(1, pull=Pull(proximal=1.0, anchor=anchor))[0][0] == 0.5


def test_a_force_goes_through_momentum_like_a_gradient():
    force = np.array([1.0, 0.0], np.float32)

    # v1 = 4, w1 = 1; v2 = 0.5 * 4 + 1 + 1 = 4, w2 = -1
    assert stepped(2, momentum=0.5, pull=Pull(force=force))[0][0] == -1.0


def test_a_climb_goes_its_length_along_the_gradient_and_back():
    # top = (3, 4) * (1 + 1 / 5); step of 0.5 from (3, 4) along it
    found, drawn = stepped(1, sharpness=1.0)

    assert found == pytest.approx([3 - 0.5 * 3.6, 4 - 0.5 * 4.8], rel=1e-6)
    assert drawn[0] == drawn[1], "both looks see the same variation of the inputs"


def test_at_a_flat_place_there_is_nothing_to_climb():
    assert stepped(1, sharpness=1.0, start=(0.0, 0.0))[0] == [0.0, 0.0]


def test_what_stands_still_is_left_bit_for_bit():
    flat = np.array([3.0, 4.0], np.float32)
    model = Partly(Parabola(flat, 0.9, []), flat, np.array([True, False]))

    model.step(ROWS, 0.5, np.random.default_rng(1))

    assert flat.tolist() == [3.0, 2.0]
