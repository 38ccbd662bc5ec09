"""One Newton step, by hand, and the two ways it is refused."""

import numpy as np
import pytest

from modelward.aggregate.newton_step import NewtonSums, halfway, objective, step
from modelward.errors import TrainingFailed


def at(gradient: list[float], hessian: list[list[float]], loss: float = 0.0) -> NewtonSums:
    """Return sums with these values over ten patients."""
    return NewtonSums(np.array(gradient), np.array(hessian), loss, 10)


def test_the_penalty_spares_the_intercept():
    sums = at([2.0, 3.0], [[4.0, 0.0], [0.0, 5.0]])

    moved = step(np.array([1.0, 1.0]), sums, l2=1.0)

    # The intercept moves by 2 over 4, the weight by 3 + 1 over 5 + 1.
    assert moved.tolist() == [0.5, pytest.approx(1 - 4 / 6)]


def test_the_objective_counts_half_the_squared_weights():
    assert objective(np.array([9.0, 2.0, 1.0]), at([0] * 3, [[0] * 3] * 3, 1.5), 3.0) == 9.0


def test_going_back_half_the_way():
    assert halfway(np.array([0.0, 2.0]), np.array([4.0, 2.0])).tolist() == [2.0, 2.0]


def test_a_repeated_column_is_refused_without_a_penalty_and_solved_with_one():
    twice = at([1.0, 1.0, 1.0], [[3.0, 2.0, 2.0], [2.0, 2.0, 2.0], [2.0, 2.0, 2.0]])

    with pytest.raises(TrainingFailed, match="cannot be inverted") as caught:
        step(np.zeros(3), twice, l2=0.0)

    assert "l2 above 0" in caught.value.remedy
    assert np.isfinite(step(np.zeros(3), twice, l2=1.0)).all()


def test_coefficients_that_run_away_are_called_separation():
    with pytest.raises(TrainingFailed, match="reached 31"):
        step(np.array([0.0, 31.0]), at([0.1, 0.1], [[1.0, 0.0], [0.0, 1.0]]), l2=0.0)
