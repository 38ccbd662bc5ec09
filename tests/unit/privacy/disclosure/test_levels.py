"""Levels of a group beside everybody: whoever is not shown is nobody, or enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.privacy.disclosure.levels import shown_levels


def test_a_small_level_is_hidden_and_another_if_it_alone_would_be_the_difference():
    totals = np.array([[40, 30], [20, 12], [3, 15]])

    assert shown_levels(np.array([63, 57]), totals, 10).tolist() == [True, False, False]
    assert shown_levels(np.array([75, 57]), totals, 10).tolist() == [True, True, False]


def test_units_in_no_level_are_hidden_like_a_level():
    totals = np.array([[40, 30], [20, 20]])

    assert shown_levels(np.array([61, 50]), totals, 10).tolist() == [True, False]
    assert shown_levels(np.array([60, 50]), totals, 10).tolist() == [True, True]


def test_an_empty_cell_is_told_where_that_is_asked_for():
    sides = np.array([[20, 0, 10, 10], [10, 10, 10, 4]])

    assert not shown_levels(sides.sum(axis=0), sides, 10).any()
    assert not shown_levels(sides.sum(axis=0), sides, 10, none_too=True).any(), "4 are left"
    whole = sides.sum(axis=0) + np.array([0, 0, 0, 6])
    assert shown_levels(whole, sides, 10, none_too=True).tolist() == [True, False]


def test_more_in_levels_than_there_are_shows_nothing():
    assert not shown_levels(np.array([30, 30]), np.array([[31, 20]]), 10).any()


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=5),
    st.tuples(st.integers(0, 15), st.integers(0, 15)),
    st.integers(1, 12),
    st.booleans(),
)
def test_what_is_shown_and_what_is_left_is_never_a_few(drawn, nowhere, minimum, none_too):
    levels = np.array(drawn)
    whole = levels.sum(axis=0) + nowhere
    shown = shown_levels(whole, levels, minimum, none_too=none_too)

    for cells in (levels[shown], whole - levels[shown].sum(axis=0)):
        if shown.any():
            assert ((cells == 0) | (cells >= minimum)).all()


@pytest.mark.parametrize("minimum", [1, 5])
def test_large_levels_that_are_everybody_are_all_shown(minimum):
    levels = np.full((4, 2), 50)

    assert shown_levels(levels.sum(axis=0), levels, minimum).all()
