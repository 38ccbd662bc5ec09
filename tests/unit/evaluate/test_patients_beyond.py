"""Grades, masks and lifetimes of patients with several units: copies tell no more than one."""

import numpy as np
import pytest

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.measures import grading, lifetimes, overlap
from modelward.evaluate.measures.beyond import Measured, mean_of

LEVELS = ("none", "mild", "severe")
TIMES = 4


def width(found: Estimate) -> float:
    assert found.interval is not None
    return found.interval.high - found.interval.low


def graded(times: int) -> Measured:
    rng = np.random.default_rng(1)
    level = np.repeat(rng.integers(0, 3, 60), times)
    said = np.repeat(rng.dirichlet((1, 1, 1), 60), times, axis=0)
    said[np.arange(level.size), level] += 0.6
    said /= said.sum(axis=1, keepdims=True)
    owner = np.repeat(np.arange(60), times)
    one = grading.Graded(
        level, said, np.zeros(level.size, np.int64), owner if times > 1 else None
    )
    return grading.measure(one, LEVELS, np.random.default_rng(0))


def test_copies_of_a_grade_tell_no_more():
    once, often = graded(1), graded(TIMES)

    for name in ((grading.KAPPA, ""), *((grading.AGAINST, level) for level in LEVELS)):
        assert width(often[name][1]) == pytest.approx(width(once[name][1]))
    for name in ((grading.RIGHT, ""), *((grading.FOUND, level) for level in LEVELS)):
        assert width(once[name][1]) <= width(often[name][1]) < 1.1 * width(once[name][1])


def lived(times: int) -> Measured:
    rng = np.random.default_rng(2)
    days, risk = rng.exponential(100, 80), rng.random(80)
    come = np.clip(np.outer(risk, (0.4, 0.8)), 0, 1)
    event = (rng.random(80) < 0.6).astype(np.int8)
    again = np.repeat(np.arange(80), times)
    lives = lifetimes.Lives(
        days[again] + 1e-6 * (np.arange(again.size) % times),
        event[again],
        come[again],
        np.zeros(again.size, np.int64),
        again if times > 1 else None,
    )
    return lifetimes.measure(lives, np.array([50.0, 200.0]), np.random.default_rng(0))


def test_copies_of_a_lifetime_tell_no_more():
    once, often = lived(1), lived(TIMES)

    # Copies meet each other as well, which are pairs of one patient: 3 of 320.
    for name in (lifetimes.C_INDEX, lifetimes.BRIER):
        assert width(often[name, ""][1]) == pytest.approx(width(once[name, ""][1]), rel=0.05)
    assert "by patient" in str(often[lifetimes.C_INDEX, ""][1].interval)
    assert "of patients" in str(often[lifetimes.BRIER, ""][1].interval)


def test_copies_of_a_mask_tell_no_more():
    rng = np.random.default_rng(3)
    drawn = (rng.random((30, 8, 8)) < 0.4).astype(np.uint8)
    said = np.clip(drawn * 0.4 + rng.random((30, 8, 8)) * 0.6, 0, 1)
    again = np.repeat(np.arange(30), TIMES)

    once = overlap.measure(drawn, said, [0] * 30, None, np.random.default_rng(0))
    often = overlap.measure(
        drawn[again], said[again], [0] * again.size, again, np.random.default_rng(0)
    )

    for name in (overlap.DICE, overlap.HD95):
        assert width(often[name, ""][1]) == pytest.approx(width(once[name, ""][1]))


def test_patients_of_two_sites_are_resampled_within_each():
    values = np.repeat([0.0, 1.0], [40, 40])
    owner = np.repeat(np.arange(20), 4)

    found = mean_of(values, [0] * 40 + [1] * 40, np.random.default_rng(0), owner)

    assert width(found) == 0.0  # ten patients of either site, in every resample
