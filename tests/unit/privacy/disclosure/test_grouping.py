"""A histogram leaves with the same totals, and with nobody alone in a cell."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from modelward.evaluate.measures.binned import accuracy, auc
from modelward.privacy.disclosure.grouping import grouped, small_cells


def test_units_are_counted_in_the_bin_of_their_groups_mean():
    # Five units in bins 0, 0, 1 | 2, 3 below the middle: means 1/3 and 2.5.
    found = grouped(np.array([[2, 1, 1, 1, 0, 0, 0, 0]]), 2)

    assert found is not None
    assert found.tolist() == [[3, 0, 0, 2, 0, 0, 0, 0]]


def test_what_has_no_small_cell_is_left_as_it_is():
    counts = np.array([[12, 0, 0, 15], [0, 10, 0, 11]])

    found = grouped(counts, 10)

    assert found is not None
    assert found.tolist() == counts.tolist()


def test_the_middle_is_not_crossed_where_both_sides_have_enough():
    counts = np.array([[9, 1, 1, 9], [0, 0, 0, 0]])

    found = grouped(counts, 10)

    assert found is not None
    assert accuracy(found) == accuracy(counts)


def test_a_row_of_few_is_not_shown_and_neither_are_the_others():
    assert grouped(np.array([[30, 30], [3, 0]]), 10) is None


@settings(deadline=None)
@given(
    counts=arrays(np.int64, (2, 16), elements=st.sampled_from([0, 0, 0, 1, 2, 7, 30])),
    minimum=st.integers(1, 12),
)
def test_totals_stay_and_no_cell_is_small(counts, minimum):
    found = grouped(counts, minimum)

    totals = counts.sum(axis=1)
    assert (found is None) == bool(((totals > 0) & (totals < minimum)).any())
    if found is not None:
        assert found.sum(axis=1).tolist() == totals.tolist()
        assert small_cells(found, minimum) == 0


def test_the_area_under_the_curve_of_several_sites_moves_little():
    draw = np.random.default_rng(0)
    moved = []
    for _ in range(20):
        exact, told = np.zeros((2, 256), np.int64), np.zeros((2, 256), np.int64)
        for _ in range(5):  # sites of 100 units each
            outcome = draw.random(100) < 0.3
            place = np.clip(draw.normal(128 + 40 * outcome, 40, 100).astype(int), 0, 255)
            counts = np.bincount(place + 256 * outcome, minlength=512).reshape(2, 256)
            found = grouped(counts, 10)
            assert found is not None
            exact, told = exact + counts, told + found
        before, after = auc(exact), auc(told)
        assert before is not None
        assert after is not None
        moved.append(after.value - before.value)

    assert np.abs(moved).max() < 0.04
    assert np.abs(moved).mean() < 0.02
