"""Steps of coalitions by hand, and what only repeats the hub."""

import numpy as np
import pytest

from modelward.evaluate.sharing.coalition import divided, told_before
from tests.federations import cohort, federate_updates, toy


def gone(*rows: list[float], steps: list[list[float]] | None = None) -> list[np.ndarray]:
    """Return the steps by which coalitions of some updates were judged: each, then all."""
    seen: list[np.ndarray] = []

    def judge(step: np.ndarray) -> float:
        seen.append(step)
        return 1.0

    names = "abcdef"[: len(rows)]
    found = divided(
        names,
        np.array(rows, np.float32),
        [np.array(step, np.float32) for step in steps or []],
        judge,
    )
    assert found.measured is not None
    for members in (*([each] for each in range(len(rows))), range(len(rows))):
        if found.measured(list(members)) == 0.0:
            seen.append(np.zeros(len(rows[0])))
    return seen


def test_all_coalitions_go_as_far_as_the_median_site():
    a, b, both = gone([3, 0], [0, 3])

    np.testing.assert_allclose([a, b], [[3, 0], [0, 3]])
    np.testing.assert_allclose(both, [3 / np.sqrt(2), 3 / np.sqrt(2)], rtol=1e-6)


def test_a_longer_update_counts_as_one_of_the_median():
    ends = gone([1, 0], [0, 1], [0, 1]), gone([50, 0], [0, 1], [0, 1])

    np.testing.assert_allclose(ends[0], ends[1])


def test_zeros_and_short_updates_take_nothing_from_the_others():
    a, _, zero, whole = gone([1, 0], [1, 0], [0, 0])
    np.testing.assert_allclose([a, zero, whole], [[1, 0], [0, 0], [1, 0]])

    _, _, short, whole = gone([1, 0], [1, 0], [0, 1e-3])
    np.testing.assert_allclose(short, [0, 1e-3])
    np.testing.assert_allclose(whole, [1, 0], atol=1e-3)


def test_updates_that_cancel_are_worth_nothing():
    *_, both = gone([1, 0], [-1, 0])

    np.testing.assert_array_equal(both, [0, 0])


def test_a_combination_of_the_hubs_last_steps_is_told():
    rng = np.random.default_rng(0)
    steps = [rng.normal(size=40).astype(np.float32) for _ in range(6)]
    rows = np.stack(
        [
            7 * steps[-1],
            steps[-1] - 3 * steps[-4],
            steps[0],  # longer ago than the hub is held against
            steps[-1] + 0.1 * rng.normal(size=40),
            rng.normal(size=40),
            np.zeros(40),
        ]
    ).astype(np.float32)

    assert told_before(rows, steps).tolist() == [True, True, False, False, False, False]
    assert not told_before(rows, []).any()
    assert not told_before(rows, [np.zeros(40, np.float32)]).any()


def test_of_a_small_model_few_steps_are_looked_at():
    steps = [np.array([1, 0, 0], np.float32), np.array([0, 1, 0], np.float32)]
    rows = np.array([[0, 2, 0], [2, 2, 0]], np.float32)

    assert told_before(rows, steps).tolist() == [True, False]


def test_what_repeats_the_hub_is_named_and_judged_as_nothing():
    repeat, other, whole = gone([2, 0], [1, 1], steps=[[1, 0]])

    np.testing.assert_array_equal(repeat, [0, 0])
    np.testing.assert_allclose(other, whole)
    found = divided(
        "ab", np.array([[2, 0], [1, 1]], np.float32), [np.array([1, 0], np.float32)]
    )
    assert found.repeats == {"a"}


def test_a_site_alone_is_not_held_against_itself():
    found = divided("a", np.array([[2, 0]], np.float32), [np.array([1, 0], np.float32)])

    assert found.repeats == frozenset()


@pytest.mark.slow
@pytest.mark.parametrize("batch", [8, 1000])
def test_no_honest_site_is_taken_for_a_repeat(batch):
    study = toy(("batch = 8\nlocal_epochs = 2", f"batch = {batch}\nlocal_epochs = 3"))
    for seed in range(10):
        sites = {name: cohort(60, 10 * seed + n, n / 2) for n, name in enumerate("abc")}
        rounds = federate_updates(study, sites, 8)

        assert not any(each.repeats for each in rounds)
