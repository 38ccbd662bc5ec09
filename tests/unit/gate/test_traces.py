"""Forms that training does not make are objected to; those that it makes are not."""

import numpy as np

from modelward.gate import traces

DRAW = np.random.default_rng(8)
GRID = 2.0**24


def trained(*shape: int) -> np.ndarray:
    values = DRAW.normal(0, 0.01, shape)
    return (np.rint(values * GRID) / GRID).astype(np.float32)


def test_an_ordinary_update_has_none_of_the_forms():
    update = {"w": trained(64, 30), "b": trained(64), "conv": trained(16, 3, 3, 8)}

    for rule in (traces.whole_numbers, traces.rank, traces.sparsity):
        assert rule(update) == ()


def test_whole_numbers_are_objected_to_whatever_their_scale():
    pixels = DRAW.integers(0, 256, (16, 3, 3, 1)).astype(np.float32)
    for scale in (1.0, 2.0**-8, 2.0**-12):
        (found,) = traces.whole_numbers({"conv": pixels * np.float32(scale)})
        assert found.rule == "whole-numbers"


def test_a_step_on_one_example_has_rank_one():
    matrix = np.outer(DRAW.normal(size=32), DRAW.normal(size=20)) * 0.01
    (found,) = traces.rank({"w": (np.rint(matrix * GRID) / GRID).astype(np.float32)})

    assert found.rule == "rank"
    assert traces.rank({"logit": trained(1, 64)}) == (), "one unit always has rank one"


def test_a_few_values_in_nothing_are_objected_to_and_nothing_is_not():
    quiet = np.zeros((100, 100), np.float32)
    assert traces.sparsity({"w": quiet}) == ()
    quiet[0, :50] = trained(50)

    (found,) = traces.sparsity({"w": quiet})

    assert found.rule == "sparsity"
