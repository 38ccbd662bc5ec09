"""Searches that price little: they end where a search of every number would."""

from collections.abc import Callable
from math import sqrt

import pytest

from modelward.privacy.accounting import Event, epsilon, surely_more
from modelward.privacy.fitting import _first_within, _interpolated

COSTS: dict[str, Callable[[int], float]] = {
    "a line": lambda n: 3.0 + 0.5 * n,
    "a root": lambda n: 1.0 + sqrt(n),
    "a leap": lambda n: 1.0 if n < 37 else 1e6,
    "flat": lambda n: 2.0 + 1e-9 * n,
}


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.99])
def test_the_most_steps_within_a_target_are_those_of_a_search_of_all(cost, share):
    target = cost(1) + share * (cost(900) - cost(1))
    asked: list[int] = []

    def counted(n: int) -> float:
        asked.append(n)
        return float(cost(n))

    found = _interpolated(counted, target, (900, 1), along=float)

    assert found == max(n for n in range(1, 900) if cost(n) <= target)
    assert len(asked) < 35


@pytest.mark.parametrize("base", [0.0, 5.0])
@pytest.mark.parametrize("target", [5.01, 5.5, 9.0])
def test_the_least_noise_within_a_target_is_that_of_a_search_of_all(base, target):
    def cost(n: int) -> float:
        return float(base) + 700.0 / n

    found = _first_within(cost, target, 100_000)

    assert found == min(n for n in range(1, 100_001) if cost(n) <= target)


@pytest.mark.slow
def test_what_is_plainly_above_is_told_on_the_coarse_grid_and_the_rest_is_not():
    event = Event(sampling=0.1, noise=0.9, steps=300)
    cost = epsilon([event], 1e-5)

    plain = surely_more([event], 1e-5, cost / 2)

    assert plain == pytest.approx(cost, abs=0.3)
    assert surely_more([event], 1e-5, cost - 0.01) is None
    assert surely_more([event], 1e-5, cost) is None
