"""The combiner: known answers first, then that it learns what averaging cannot."""

import numpy as np
import pytest

from modelward.exchange import fens


def test_the_first_combiner_averages_log_probabilities():
    log_p = [np.log([[0.9, 0.1]]), np.log([[0.4, 0.6]])]

    found = np.exp(fens.combined(fens.initial(2, 2), log_p))

    odds = (0.9 * 0.4 / (0.1 * 0.6)) ** 0.5
    assert found[0] == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])


def test_one_step_is_what_the_formula_says():
    """One model, one unit of class 0, even answers: slope (0.5 + pi shift) by hand."""
    site = fens.learner([np.log([[0.5, 0.5]])], np.array([0]))
    start = fens.initial(1, 2)

    after, _ = fens.local_steps(start, site)

    # pi of one unit of class 0 is (2/3, 1/3); z is even, so CE(z + log pi) has p = pi.
    first = np.array([2 / 3 - 1, 1 / 3])
    bias = -fens.RATE * first
    weight = start.weight - fens.RATE * (
        np.outer(first, [np.log(0.5)] * 2) + fens.DECAY * start.weight
    )
    z = weight @ np.log([0.5, 0.5]) + bias
    p = np.exp(z) * [2 / 3, 1 / 3]
    second = p / p.sum() - [1, 0] + fens.MOMENTUM * first
    assert after.bias == pytest.approx(bias - fens.RATE * second)


def test_the_combiner_learns_that_one_model_has_its_classes_exchanged():
    draw = np.random.default_rng(0)
    y = draw.integers(0, 2, 400)
    right = np.where(np.eye(2)[y] > 0, 0.8, 0.2)
    wrong = right[:, ::-1]
    log_p = [np.log(right), np.log(wrong)]
    sites = [
        fens.learner([each[half] for each in log_p], y[half])
        for half in (slice(0, 200), slice(200, None))
    ]

    combiner = fens.train(sites, 2)

    assert (fens.combined(combiner, log_p).argmax(1) == y).mean() > 0.99
    assert (fens.combined(fens.initial(2, 2), log_p).argmax(1) == y).mean() < 0.9
