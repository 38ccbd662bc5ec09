"""The combiner: known answers first, then that it learns what averaging cannot."""

import numpy as np
import pytest

from modelward.exchange.methods import fens


def test_the_first_combiner_averages_log_probabilities():
    log_p = [np.log([[0.9, 0.1]]), np.log([[0.4, 0.6]])]

    found = np.exp(fens.combined(fens.initial(2, 2), log_p))

    odds = (0.9 * 0.4 / (0.1 * 0.6)) ** 0.5
    assert found[0] == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])


def test_steps_are_what_the_formula_says(monkeypatch):
    """One model, one unit of each class: two steps by hand, as long as the loss allows."""
    monkeypatch.setattr(fens, "EACH", 1)
    likely = np.array([[0.8, 0.2], [0.4, 0.6]])
    seen = np.log(likely)
    site, start = fens.learner([seen], np.array([0, 1])), fens.initial(1, 2)

    after = fens.local_steps(start, site)

    # pi is (1/2, 1/2) and cancels; z of the averaging combiner is l itself, so p is `likely`.
    first = (likely - np.eye(2)) / 2
    slope = first.T @ seen + fens.DECAY * np.eye(2)
    weight, bias = np.eye(2) - site.rate * slope, -site.rate * first.sum(axis=0)
    z = seen @ weight.T + bias
    second = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - np.eye(2)) / 2
    slope = fens.MOMENTUM * slope + second.T @ seen + fens.DECAY * weight
    shift = fens.MOMENTUM * first.sum(axis=0) + second.sum(axis=0)
    assert after.weight == pytest.approx(weight - site.rate * slope)
    assert after.bias == pytest.approx(bias - site.rate * shift)


def test_a_step_is_never_longer_than_the_loss_is_curved():
    """Log-probabilities at the clamp: twenty columns of -8 and the bias, so L = 1281 / 2."""
    site = fens.learner([np.full((5, 10), -20.0)] * 2, np.arange(5))

    assert site.rate == pytest.approx(2 / (20 * 64 + 1))
    assert fens.learner([np.log([[0.5, 0.5]])], np.array([0])).rate == fens.RATE


def test_what_a_site_has_never_seen_it_does_not_unlearn():
    draw = np.random.default_rng(1)
    log_p = [np.log(draw.dirichlet([1, 1, 1], 40)) for _ in range(2)]
    start = fens.initial(2, 3)

    after = fens.local_steps(start, fens.learner(log_p, draw.integers(0, 2, 40)))

    assert (after.weight[2] == start.weight[2]).all()
    assert after.bias[2] == start.bias[2]
    assert (after.weight[:2] != start.weight[:2]).all()


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
