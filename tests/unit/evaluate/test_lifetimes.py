"""C-index and integrated Brier score by hand, and beside the sums of the Cox recipe."""

import numpy as np
import pytest

from modelward.evaluate.measures import lifetimes
from modelward.recipes.statistics.concordance import pairs

ENDS = np.array([10.0, 20.0])


def lives(days: list[float], event: list[int], come: list[list[float]]) -> lifetimes.Lives:
    """Return units of one site."""
    died = np.array(event, np.int8)
    return lifetimes.Lives(np.array(days), died, np.array(come), np.zeros(len(days), np.int64))


def test_who_is_followed_is_counted_with_events_first():
    days, dead = np.array([5.0, 5.0, 8.0, 12.0]), np.array([True, False, False, True])

    found = lifetimes.followed(days, dead, np.array([5.0, 5.1, 8.0, 9.0, 20.0]))

    # At day 5 one dies, then one of three leaves; at 8 one of two.
    assert found == pytest.approx([1.0, 2 / 3, 2 / 3, 1 / 3, 1 / 3])


def test_a_brier_score_by_hand():
    said = [[0.9, 0.9], [0.5, 0.6], [0.1, 0.2], [0.2, 0.7]]
    made = lives([5, 5, 20, 12], [1, 0, 0, 1], said)

    # Day 10: dead 0 (weight 1), left 1 (nothing), alive 2 and 3 (weight 2/3).
    # Day 20: dead 0 and 3 (followed to 12: 2/3), alive 2 (censored on the last day: 2/3).
    left = [0.1**2 + 0.1**2, 0.0, 1.5 * (0.1**2 + 0.2**2), 1.5 * (0.2**2 + 0.3**2)]
    assert lifetimes.brier(made, ENDS) == pytest.approx(10 * np.array(left) / 20)


def test_without_anybody_who_leaves_the_score_is_the_plain_squared_error():
    draw = np.random.default_rng(4)
    days, come = draw.uniform(0, 20, 50), np.sort(draw.random((50, 2)), axis=1)
    made = lives(days.tolist(), [1] * 50, come.tolist())

    happened = days[:, None] <= ENDS
    assert lifetimes.brier(made, ENDS).mean() == pytest.approx(((happened - come) ** 2).mean())


def test_pairs_are_those_of_the_cox_recipe_and_of_one_site():
    draw = np.random.default_rng(5)
    parts = []
    for size in (40, 25):
        days = draw.integers(1, 20, size).astype(float)
        event = (draw.random(size) < 0.5).astype(np.int8)
        come = np.sort(draw.integers(0, 5, (size, 2)) / 5, axis=1)
        parts.append(lives(days.tolist(), event.tolist(), come.tolist()))
    whole = lifetimes.joined(parts)

    found = lifetimes.concordance(whole, ENDS)

    sums = sum(pairs(lifetimes.lost(p.come, ENDS), p.days, p.event) for p in parts)
    assert isinstance(sums, np.ndarray)
    assert found.value == pytest.approx((sums[0] + sums[2] / 2) / sums.sum())
    assert found.interval is not None
    assert found.interval.low < 0.5 < found.interval.high


def test_an_interval_is_as_wide_as_resampled_patients_say():
    draw = np.random.default_rng(6)
    days = draw.exponential(10, 150)
    event = (draw.random(150) < 0.7).astype(np.int8)
    risk = np.clip(1 / (1 + days) + draw.normal(0, 0.2, 150), 0, 1)
    come = np.stack([risk, risk], axis=1)

    found = lifetimes.concordance(lives(days.tolist(), event.tolist(), come.tolist()), ENDS)

    again = []
    for _ in range(300):
        rows = draw.integers(0, 150, 150)
        won, lost_, tied = pairs(risk[rows], days[rows], event[rows])
        again.append((won + tied / 2) / (won + lost_ + tied))
    assert found.interval is not None
    width = found.interval.high - found.interval.low
    assert width == pytest.approx(2 * 1.96 * np.std(again), rel=0.15)


def test_three_patients_in_order_are_no_proof_that_all_are():
    found = lifetimes.concordance(
        lives([3, 4, 5], [1, 1, 1], [[0.9, 0.9], [0.5, 0.5], [0.1, 0.1]]), ENDS
    )

    assert (found.value, found.interval, found.note) == (1.0, None, lifetimes.NO_SPREAD)


def test_where_nobody_can_be_compared_it_is_said():
    found = lifetimes.concordance(lives([3, 4], [0, 0], [[0.1, 0.2], [0.3, 0.4]]), ENDS)

    assert found.value is None
    assert found.note == "no two units can be compared"
