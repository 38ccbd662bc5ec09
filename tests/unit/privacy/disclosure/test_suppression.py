"""Hidden cells stay hidden from whoever subtracts, and from linear programming."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import linprog

from modelward.core.counted import HIDDEN
from modelward.privacy.disclosure.suppression import Shown, suppress, with_margins

MINIMUM = 10


def test_a_table_without_small_cells_is_shown_with_its_margins():
    shown = suppress(np.array([[20, 30], [0, 50]]), MINIMUM)

    assert shown is not None
    assert shown.counts.tolist() == [[20, 30, 50], [0, 50, 50], [20, 80, 100]]


def test_a_small_cell_takes_the_smallest_cover_with_it():
    # 3 of 20 hides 17 as well, or the total would give it back; 40 and 60 stay.
    shown = suppress(np.array([3, 17, 40, 60]), MINIMUM)

    assert shown is not None
    assert shown.counts.tolist() == [HIDDEN, HIDDEN, 40, 60, 120]


def test_in_two_directions_a_box_of_four_is_hidden():
    shown = suppress(np.array([[3, 40, 50], [60, 20, 70], [80, 90, 30]]), MINIMUM)

    assert shown is not None
    assert shown.cells.tolist() == [[-1, -1, 50], [-1, -1, 70], [80, 90, 30]]
    assert shown.hidden == 4


def test_two_small_cells_of_a_row_do_not_cover_each_other():
    # 57 - 50 = 7 persons in both together would be a small cell as well.
    shown = suppress(np.array([3, 4, 50]), MINIMUM)

    assert shown is not None
    assert shown.counts.tolist() == [HIDDEN, HIDDEN, HIDDEN, 57]


def test_a_small_margin_is_hidden_too():
    shown = suppress(np.array([[2, 5], [40, 50]]), MINIMUM)

    assert shown is not None
    assert shown.counts[0].tolist() == [HIDDEN] * 3
    assert shown.counts[-1, -1] == 97


@pytest.mark.parametrize("table", [[3], [3, 0, 0], [3, 4], [[1, 0], [0, 2]]])
def test_fewer_than_the_minimum_in_all_show_nothing(table):
    assert suppress(np.array(table), MINIMUM) is None


def test_a_small_cell_that_nothing_can_cover_refuses_the_table():
    # 3 + 9 = 12, and 9 can give at most 8 away: whoever sees 12 knows 3 to be small or 9.
    assert suppress(np.array([1, 9]), MINIMUM) is None


def test_nobody_at_all_is_shown_as_nobody():
    shown = suppress(np.zeros((2, 3), np.int64), MINIMUM)

    assert shown is not None
    assert shown.hidden == 0


@pytest.mark.parametrize("table", [np.zeros((1,) * 5, np.int64), np.array([-1, 20])])
def test_what_is_no_table_of_counts_is_a_mistake_of_the_caller(table):
    with pytest.raises(ValueError, match="one to four axes"):
        suppress(table, MINIMUM)


tables = st.sampled_from([(3,), (5,), (2, 2), (3, 4), (4, 4), (2, 3, 3)]).flatmap(
    lambda shape: arrays(
        np.int64, shape, elements=st.one_of(st.integers(0, 9), st.integers(0, 60))
    )
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(table=tables, minimum=st.integers(2, 12))
def test_an_attacker_with_linear_programming_cannot_tell_that_a_cell_is_small(table, minimum):
    shown = suppress(table, minimum)
    whole = with_margins(table)
    if shown is None:
        return

    assert (shown.counts[shown.counts != HIDDEN] == whole[shown.counts != HIDDEN]).all()
    small = np.argwhere((whole > 0) & (whole < minimum))
    assert all(shown.counts[tuple(place)] == HIDDEN for place in small)
    for place in small[:4]:
        low, high = attacked(shown, tuple(place), np.minimum(whole, 1))
        assert low - 1e-6 <= whole[tuple(place)] <= high + 1e-6
        assert high >= minimum - 1e-6
        assert high - low >= minimum - 1 - 1e-6


def attacked(
    shown: Shown, place: tuple[int, ...], least: NDArray[np.int64]
) -> tuple[float, float]:
    """Return the ends of what `place` can be, for who knows which cells are not empty."""
    counts = shown.counts
    index = np.arange(counts.size).reshape(counts.shape)
    lines = []
    for axis in range(counts.ndim):
        for line in np.moveaxis(index, axis, -1).reshape(-1, counts.shape[axis]):
            row = np.zeros(counts.size)
            row[line] = 1
            row[line[-1]] = -1
            lines.append(row)
    flat = counts.reshape(-1)
    known = zip(flat.tolist(), least.reshape(-1).tolist(), strict=True)
    bounds = [(floor, None) if value == HIDDEN else (value, value) for value, floor in known]
    aim = np.zeros(counts.size)
    aim[index[place]] = 1
    ends = [
        linprog(sign * aim, A_eq=np.array(lines), b_eq=np.zeros(len(lines)), bounds=bounds)
        for sign in (1, -1)
    ]
    return ends[0].fun, -ends[1].fun
