"""The bound of a one-run audit, against published figures and its own promise."""

from math import inf, log

import numpy as np
import pytest
from scipy.stats import binom

from modelward.privacy.leakage.one_run import chance, lower_bound, one_run, point


@pytest.mark.parametrize(("guesses", "most"), [(100, 3.49), (300, 4.60), (1000, 5.81)])
def test_the_most_that_right_guesses_can_show(guesses, most):
    assert lower_bound(guesses, guesses, guesses, 0.0, 0.05) == pytest.approx(most, abs=0.01)


def test_an_attacker_who_knows_everything_shows_the_most():
    coins = np.arange(300) % 2 == 0

    found = one_run(coins, coins.astype(float))

    assert (found.right, found.high) == (300, inf)
    assert found.low == found.most == pytest.approx(4.60, abs=0.01)
    assert found.contradicts(3.0)
    assert not found.contradicts(8.0)


def test_an_attacker_who_knows_nothing_shows_nothing():
    draw = np.random.default_rng(0)
    coins = draw.random(300) < 0.5

    found = one_run(coins, draw.random(300))

    assert found.low == 0.0
    assert found.high < 1.0


def test_the_tail_is_that_of_the_binomial():
    rate = np.exp(1.5) / (1 + np.exp(1.5))

    assert chance(85, 100, 100, 1.5, 0.0) == pytest.approx(binom.sf(84, 100, rate), rel=1e-9)


def test_delta_makes_the_bound_smaller_as_the_theorem_says():
    rate = np.exp(1.0) / (1 + np.exp(1.0))
    tail = [binom.sf(w - 1, 60, rate) for w in range(56)]
    gain = max((tail[55 - i] - tail[55]) / i for i in range(1, 56))

    assert chance(55, 60, 80, 1.0, 1e-3) == pytest.approx(tail[55] + 2 * 80 * 1e-3 * gain)
    assert lower_bound(55, 60, 80, 1e-3, 0.05) < lower_bound(55, 60, 80, 0.0, 0.05)


def test_only_the_surest_coins_are_guessed():
    coins = np.array([True] * 10 + [False] * 10)
    scores = np.concatenate([[9.0, 8.0], np.zeros(16), [-8.0, -9.0]])

    found = one_run(coins, scores, guesses=4)

    assert (found.guesses, found.right, found.canaries) == (4, 4, 20)


def test_randomised_response_is_bounded_by_its_own_epsilon():
    # Each coin is told rightly with probability e / (e + 1): exactly epsilon = 1.
    draw = np.random.default_rng(1)
    too_high = 0
    for _ in range(200):
        coins = draw.random(200) < 0.5
        honest = draw.random(200) < np.e / (np.e + 1)
        scores = np.where(honest, coins, ~coins) + 1e-3 * draw.random(200)
        too_high += one_run(coins, scores).contradicts(1.0)

    assert too_high <= 18  # 5 % of 200, and three standard deviations more


def test_the_point_estimate_is_the_log_odds():
    assert point(75, 100) == pytest.approx(log(3))
    assert point(40, 100) == 0.0
    assert point(10, 10) == inf


@pytest.mark.parametrize("guesses", [1, 11])
def test_more_guesses_than_coins_are_a_mistake_of_the_caller(guesses):
    with pytest.raises(ValueError, match="at most as many guesses"):
        one_run(np.zeros(10, np.bool_), np.zeros(10), guesses=guesses)
