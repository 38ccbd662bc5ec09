"""Quadratic kappa and the figures of each level, worked out by hand."""

import numpy as np
import pytest

from modelward.evaluate.measures import grading

LEVELS = ("none", "mild", "severe")


def graded(true: list[int], said: list[int]) -> grading.Graded:
    """Return units of one site that are sure of what they say."""
    p = np.full((len(true), 3), 0.05)
    p[np.arange(len(true)), said] = 0.9
    return grading.Graded(np.array(true), p, np.zeros(len(true), np.int64))


def test_kappa_of_perfect_grades_is_one_and_of_chance_is_zero():
    assert grading.kappa(np.diag([4.0, 3.0, 2.0])) == pytest.approx(1.0)
    assert grading.kappa(np.outer([2.0, 1.0, 1.0], [2.0, 1.0, 1.0])) == pytest.approx(0.0)


def test_kappa_by_hand():
    # true 0, 0, 1, 2 and said 0, 1, 1, 0: squared steps 0, 1, 0, 4; sum w O = 5/4.
    # Margins (2, 1, 1) and (2, 2, 0): sum w E = (2*2*0 + 2*2*1 + 1*2*1 + 1*2*4 + 1*2*1) / 4 / 4
    table = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    by_chance = (2 * 2 * 1 + 1 * 2 * 1 + 1 * 2 * 4 + 1 * 2 * 1) / 4

    assert grading.kappa(table) == pytest.approx(1 - 5 / by_chance)


def test_four_right_grades_are_no_proof_that_all_are():
    graded = grading.Graded(
        np.array([0, 1, 2, 1]), np.eye(3)[[0, 1, 2, 1]], np.zeros(4, np.int64)
    )

    _, found, _ = grading.measure(graded, "abc", np.random.default_rng(0))[grading.KAPPA, ""]

    assert (found.value, found.interval, found.note) == (1.0, None, grading.PERFECT)


def test_two_levels_off_costs_four_times_one_off():
    near = 1 - grading.kappa(np.array([[5.0, 0, 0], [1, 4, 0], [0, 0, 5]]))
    far = 1 - grading.kappa(np.array([[5.0, 0, 0], [0, 5, 0], [1, 0, 4]]))

    assert far / near == pytest.approx(4.0, rel=0.1)


def test_where_all_are_of_one_level_kappa_has_no_value():
    found = grading.measure(graded([1] * 6, [1] * 6), LEVELS, np.random.default_rng(0))

    assert found[grading.KAPPA, ""][1].value is None


def test_every_level_has_its_sensitivity_and_one_that_nobody_has_says_so():
    true, said = [0] * 8 + [1] * 4, [0] * 6 + [1] * 2 + [1] * 3 + [0]

    found = grading.measure(graded(true, said), LEVELS, np.random.default_rng(0))

    assert found[grading.FOUND, "none"] == (8, found[grading.FOUND, "none"][1], None)
    assert found[grading.FOUND, "none"][1].value == 6 / 8
    assert found[grading.FOUND, "mild"][1].value == 3 / 4
    assert found[grading.RIGHT, ""][1].value == 9 / 12
    assert found[grading.FOUND, "severe"][0] == 0
    assert "no unit" in found[grading.FOUND, "severe"][1].note
    kappa = found[grading.KAPPA, ""][1]
    assert kappa.interval is not None
    assert kappa.value is not None
    assert kappa.interval.low <= kappa.value <= kappa.interval.high
