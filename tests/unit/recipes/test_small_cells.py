"""No cell of a few units is left, nobody is lost, and nothing hidden follows from the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.recipes.statistics.small_cells import (
    hidden_groups,
    hidden_levels,
    merge,
    merged_cells,
)


def test_cells_are_merged_until_they_are_large_enough_and_stand_in_the_middle():
    line = np.array([2, 9, 0, 4, 1, 6])

    where = merged_cells(line, 10)

    assert where is not None
    assert where[line > 0].tolist() == [0, 0, 4, 4, 4]
    assert merge(line, where).tolist() == [11, 0, 0, 0, 11, 0]


def test_what_is_left_over_joins_the_cells_before_it():
    line = np.array([11, 12, 0, 3])

    where = merged_cells(line, 10)

    assert where is not None
    assert merge(line, where).tolist() == [11, 0, 15, 0]


def test_a_line_of_a_few_cannot_be_shown():
    assert merged_cells(np.array([0, 4, 3]), 10) is None


@given(cells=st.lists(st.integers(0, 9), min_size=1, max_size=30), least=st.integers(1, 12))
def test_no_small_cell_is_left_nobody_is_lost_and_nobody_overtakes(cells, least):
    line = np.array(cells)

    where = merged_cells(line, least)

    if where is None:
        assert 0 < line.sum() < least
        return
    after = merge(line, where)
    assert after.sum() == line.sum()
    assert (np.diff(where[line > 0]) >= 0).all()
    assert not ((after > 0) & (after < least)).any()


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ([40, 30, 20], [False, False, False]),
        ([40, 3, 20], [False, True, True]),
        ([40, 3, 8], [False, True, True]),
        ([40, 3, 0], [True, True, False]),
        ([3, 0, 0], [True, False, False]),
        ([1, 1, 1, 50], [True, True, True, True]),
    ],
)
def test_the_next_larger_level_is_hidden_with_a_small_one(counts, hidden):
    assert hidden_levels(np.array(counts), 10).tolist() == hidden


@given(counts=st.lists(st.integers(0, 30), min_size=1, max_size=8), least=st.integers(1, 12))
def test_hidden_levels_together_are_no_small_cell_unless_all_there_is(counts, least):
    table = np.array(counts)

    hidden = hidden_levels(table, least)

    together = int(table[hidden].sum())
    assert not ((table[~hidden] > 0) & (table[~hidden] < least)).any()
    if hidden.any() and together < least:
        assert table[~hidden].sum() == 0


def test_a_small_group_takes_the_next_one_with_it():
    sizes = np.array([200, 40, 6])

    assert hidden_groups(sizes, np.zeros(3, bool), 10).tolist() == [False, True, True]
    broken = np.array([False, False, True])
    assert hidden_groups(np.array([200, 40, 15]), broken, 10).tolist() == broken.tolist()
