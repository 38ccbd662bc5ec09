"""Robust rules against plain loops, and against sites that lie."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from modelward.aggregate.robust import (
    Rows,
    mixed,
    relative_distances,
    robust_mean,
    shortened,
    squared_distances,
)
from modelward.core.study import Robust
from modelward.errors import BadUpdate

RULES = ("median", "trimmed-mean", "geometric-median", "multi-krum", "centred-clipping")
TEN = np.random.default_rng(7).normal(0, 1, (10, 5)).astype(np.float32)


def rows_of(count: int, size: int) -> st.SearchStrategy[Rows]:
    values = st.floats(-8, 8, width=32)
    return arrays(np.float32, (count, size), elements=values)


def test_the_median_and_the_trimmed_mean_of_a_column_are_those_of_the_textbook():
    rows = np.array([[1.0], [2.0], [3.0], [10.0], [-50.0]], np.float32)

    assert robust_mean(rows, Robust(rule="median", mixing=False)) == [2.0]
    assert robust_mean(rows, Robust(rule="trimmed-mean", mixing=False)) == [2.0]
    assert robust_mean(rows, Robust(rule="mean", mixing=False)) == np.float32(-6.8)


def test_mixing_takes_the_mean_of_the_nearest_in_plain_loops():
    for site, row in enumerate(TEN):
        order = sorted(range(10), key=lambda other: float(np.sum((TEN[other] - row) ** 2)))
        expected = np.mean([TEN[other] for other in order[:7]], axis=0, dtype=np.float64)

        assert mixed(TEN, 3)[site] == pytest.approx(expected, abs=1e-6)


def test_distances_are_those_of_plain_loops_beyond_one_block():
    rows = np.random.default_rng(1).normal(0, 1, (3, 40_000)).astype(np.float32)
    found = squared_distances(rows)

    for one, two in combinations(range(3), 2):
        gap = rows[one].astype(np.float64) - rows[two]
        assert found[one, two] == pytest.approx(float(gap @ gap), rel=1e-12)
    assert np.array_equal(found, found.T)


def test_krum_leaves_out_the_least_connected():
    rows = np.vstack([TEN[:8] * 0.1, np.full((2, 5), 40, np.float32)])

    found = robust_mean(rows, Robust(rule="multi-krum", mixing=False, byzantine=2))

    assert found == pytest.approx(rows[:8].mean(axis=0), abs=1e-6)


def test_the_geometric_median_is_where_unit_vectors_to_the_rows_cancel():
    found = robust_mean(TEN, Robust(rule="geometric-median", mixing=False))
    away = TEN - found
    units = away / np.linalg.norm(away, axis=1, keepdims=True)

    assert np.abs(units.sum(axis=0)).max() < 1e-3


def test_the_geometric_median_of_a_row_that_outweighs_the_others_is_that_row():
    rows = np.array([[3.0, 4.0]] * 3 + [[9.0, 9.0], [-8.0, 1.0]], np.float32)

    found = robust_mean(rows, Robust(rule="geometric-median", mixing=False))

    assert found == pytest.approx([3.0, 4.0], abs=1e-4)


@pytest.mark.parametrize("mixing", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_two_of_ten_sites_move_no_rule_far_whatever_they_send(rule, mixing):
    choice = Robust(rule=rule, mixing=mixing, byzantine=2)
    believing = Robust(rule="mean", mixing=False, byzantine=2)
    for lie in (1e3, -1e3, 60.0):
        rows = TEN.copy()
        rows[8:] = lie

        assert np.abs(robust_mean(rows, choice)).max() < 3.5  # the honest are within 2.7
        assert np.abs(robust_mean(rows, believing)).max() > 10


@pytest.mark.parametrize("rule", ["mean", *RULES])
@given(rows=rows_of(7, 3))
def test_sites_that_agree_are_followed(rule, rows):
    same = np.repeat(rows[:1], 7, axis=0)

    assert robust_mean(same, Robust(rule=rule, byzantine=3)) == pytest.approx(rows[0], abs=1e-4)


@pytest.mark.parametrize("rule", ["median", "trimmed-mean"])
@given(rows=rows_of(9, 3))
def test_without_mixing_every_coordinate_stays_within_the_honest_ones(rule, rows):
    lies = np.full((4, 3), 1e6, np.float32)
    found = robust_mean(np.vstack([rows, lies]), Robust(rule=rule, mixing=False, byzantine=4))

    assert (found <= rows.max(axis=0) + 1e-5).all()
    assert (found >= rows.min(axis=0) - 1e-5).all()


def test_too_few_updates_to_outvote_the_wrong_ones_are_an_error():
    with pytest.raises(BadUpdate, match="4 updates cannot outvote 2"):
        robust_mean(TEN[:4], Robust(byzantine=2))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_before_any_rule(value):
    rows = TEN.copy()
    rows[0, 0] = value
    with pytest.raises(BadUpdate, match="not finite"):
        robust_mean(rows, Robust(byzantine=2))


def test_a_site_far_from_the_others_stands_out_in_the_distances():
    rows = np.vstack([TEN[:9] * 0.1, np.full((1, 5), 2, np.float32)])
    far = relative_distances(rows, robust_mean(rows, Robust(byzantine=1)))

    assert int(np.argmax(far)) == 9
    assert far[9] > 5 > far[:9].max()


def test_the_longest_are_shortened_to_the_next_in_plain_loops():
    # f = 3 of 10: k = floor(2 * 3 * 7 / 10) = 4 are shortened to the fifth longest
    far = sorted((float(np.linalg.norm(row)) for row in TEN), reverse=True)
    found = shortened(TEN, 3)

    for row, before in zip(found, TEN, strict=True):
        length = float(np.linalg.norm(before))
        assert float(np.linalg.norm(row)) == pytest.approx(min(length, far[4]), rel=1e-6)
        assert row == pytest.approx(before * min(1, far[4] / length), rel=1e-5)


def test_nothing_is_shortened_where_nobody_can_be_wrong():
    assert shortened(TEN, 0) is TEN
    assert shortened(TEN[:2], 1) is not TEN  # k = 1 of 2
    assert np.array_equal(shortened(np.zeros((4, 3), np.float32), 1), np.zeros((4, 3)))


def test_a_small_turned_mean_cannot_turn_large_and_small_hospitals_round():
    """Two large hospitals send long updates, six small ones short; two attackers -1.1 mean."""
    rng = np.random.default_rng(5)
    right = np.zeros(200)
    right[0] = 1.0
    honest = np.stack(
        [right * size + rng.normal(0, 0.02 * size, 200) for size in (2, 2, *[0.1] * 6)]
    )
    attack = np.tile(-1.1 * honest.mean(axis=0), (2, 1))
    rows = np.vstack([attack, honest]).astype(np.float32)

    assert robust_mean(rows, Robust(byzantine=2))[0] < 0  # they go the wrong way
    assert robust_mean(rows, Robust(byzantine=2, clipping=True))[0] > 0


def test_an_absent_clipping_leaves_the_rule_as_it_was():
    plain, named = Robust(byzantine=2), Robust(byzantine=2, clipping=False)

    assert "clipping" not in plain.model_dump(mode="json")
    assert np.array_equal(robust_mean(TEN, plain), robust_mean(TEN, named))
