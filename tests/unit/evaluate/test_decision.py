"""Net benefit worked out by hand, and points that show no single unit."""

import numpy as np
import pytest

from modelward.evaluate.measures.decision import decision_curve, useful
from modelward.evaluate.predictions import Predictions

RNG = np.random.default_rng(1)


def twenty_of_each(sick: float, well: float) -> Predictions:
    """Return 40 units: 20 sick with one probability, 20 well with another."""
    return Predictions.of([1] * 20 + [0] * 20, [sick] * 20 + [well] * 20)


def test_a_perfect_model_finds_every_case_and_raises_no_alarm():
    points = decision_curve(twenty_of_each(0.8, 0.1), RNG, draws=20)
    at = {point.threshold: point for point in points}

    assert at[0.5].model.value == pytest.approx(0.5)  # 20 of 40 found, no alarm
    # everybody: 20/40 found - 20/40 alarms x 0.5/0.5
    assert at[0.5].everybody == pytest.approx(0.0)
    assert at[0.2].everybody == pytest.approx(0.5 - 0.5 * 0.25)


def test_a_false_alarm_costs_the_odds_of_the_threshold():
    points = decision_curve(twenty_of_each(0.7, 0.7), RNG, draws=20)
    at = {point.threshold: point.model.value for point in points}

    assert at[0.6] == pytest.approx(0.5 - 0.5 * 0.6 / 0.4)  # everybody gets a yes
    assert at[0.8] == 0.0  # nobody does


def test_a_model_that_says_one_thing_is_never_of_use():
    assert useful(decision_curve(twenty_of_each(0.7, 0.7), RNG, draws=50)) is None
    assert useful(decision_curve(twenty_of_each(0.8, 0.1), RNG, draws=50)) == (0.15, 0.8)


def test_between_two_points_are_ten_units_or_none():
    rng = np.random.default_rng(3)
    p = rng.uniform(size=120)
    points = decision_curve(Predictions.of(rng.uniform(size=120) < p, p), rng, draws=5)
    edges = [point.threshold for point in points]
    between = np.histogram(p, [0.0, *edges, 1.0])[0]

    assert len(edges) > 5
    assert all(count == 0 or count >= 10 for count in between)


def test_one_outcome_has_no_curve():
    assert decision_curve(Predictions.of([1] * 30, [0.4] * 30), RNG) == ()
    assert decision_curve(Predictions.of([1, 0], [0.4, 0.5]), RNG) == ()
