"""Server optimisers, two steps by hand."""

import numpy as np
import pytest

from modelward.aggregate import server_opt
from modelward.core.study import ServerOptimiser


def two_steps(choice: ServerOptimiser, deltas: list[float]) -> list[float]:
    """Return a one-parameter model, started at 0, after each delta."""
    state, model = server_opt.init(choice, 1), np.zeros(1, np.float32)
    seen = []
    for delta in deltas:
        state, model = server_opt.step(choice, state, model, np.array([delta], np.float32))
        seen.append(float(model[0]))
    return seen


def test_none_adds_the_mean_update():
    assert two_steps(ServerOptimiser(), [1.0, -0.5]) == [1.0, 0.5]


def test_momentum_carries_what_went_before():
    choice = ServerOptimiser(name="momentum", lr=0.5, momentum=0.5)

    # v: 1, then 0.5 * 1 + 1 = 1.5; x: 0.5, then 0.5 + 0.75
    assert two_steps(choice, [1.0, 1.0]) == [0.5, 1.25]


def test_adam_follows_reddi_et_al():
    choice = ServerOptimiser(name="adam", lr=0.1, momentum=0.9, beta2=0.99, epsilon=0.001)
    m1 = 0.1 * 2.0
    v1 = 0.99 * 0.001**2 + 0.01 * 4.0
    x1 = 0.1 * m1 / (v1**0.5 + 0.001)
    m2 = 0.9 * m1 + 0.1 * -1.0
    v2 = 0.99 * v1 + 0.01 * 1.0
    x2 = x1 + 0.1 * m2 / (v2**0.5 + 0.001)

    assert two_steps(choice, [2.0, -1.0]) == pytest.approx([x1, x2], rel=1e-6)


def test_yogi_and_adagrad_follow_reddi_et_al():
    yogi = ServerOptimiser(name="yogi", lr=0.1, momentum=0.9, beta2=0.99, epsilon=0.001)
    v1 = 0.001**2 + 0.01 * 4.0
    v2 = v1 + 0.01 * 1.0  # v1 < d^2 = 1
    m1 = 0.1 * 2.0
    m2 = 0.9 * m1 + 0.1 * -1.0
    x1 = 0.1 * m1 / (v1**0.5 + 0.001)
    x2 = x1 + 0.1 * m2 / (v2**0.5 + 0.001)

    assert two_steps(yogi, [2.0, -1.0]) == pytest.approx([x1, x2], rel=1e-6)

    adagrad = ServerOptimiser(name="adagrad", lr=0.1, momentum=0.9, epsilon=0.001)
    y1 = 0.1 * m1 / ((0.001**2 + 4.0) ** 0.5 + 0.001)
    y2 = y1 + 0.1 * m2 / ((0.001**2 + 5.0) ** 0.5 + 0.001)

    assert two_steps(adagrad, [2.0, -1.0]) == pytest.approx([y1, y2], rel=1e-6)


def test_yogi_lets_go_of_a_large_moment_slowly():
    choice = ServerOptimiser(name="yogi", epsilon=0.5)

    state, _ = server_opt.step(
        choice, server_opt.init(choice, 1), np.zeros(1, np.float32), np.full(1, 0.1, np.float32)
    )

    assert state["second"][0] == pytest.approx(0.25 - 0.01 * 0.01)


@pytest.mark.parametrize("name", ["none", "momentum", "adam", "yogi", "adagrad"])
def test_a_step_changes_neither_state_nor_model_and_stays_float32(name):
    choice = ServerOptimiser(name=name)
    state, model = server_opt.init(choice, 3), np.ones(3, np.float32)
    before = {key: values.copy() for key, values in state.items()}

    after, moved = server_opt.step(choice, state, model, np.full(3, 0.5, np.float32))

    assert (model == 1).all()
    assert all((state[key] == before[key]).all() for key in before)
    assert moved.dtype == np.float32
    assert {values.dtype for values in after.values()} <= {np.dtype(np.float32)}
