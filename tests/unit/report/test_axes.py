"""Ticks are round, points stay inside, series differ in more than colour."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.report.pictures.axes import DASHES, Frame, digits_of, drawing, mark, ticks

FRAME = Frame(200, 100, (0, 1), (0, 10), (10, 20, 30, 40))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (1, 20, [5, 10, 15, 20]),
        (-0.13, 0.3, [-0.1, 0, 0.1, 0.2, 0.3]),
        (-0.031, 0.05, [-0.02, 0, 0.02, 0.04]),
    ],
)
def test_ticks_are_round_numbers(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_an_axis_is_not_left_with_its_zero_alone():
    assert ticks(-0.031, 0.0495, most=5) == pytest.approx([-0.02, 0, 0.02, 0.04])


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_ticks_lie_inside_and_are_few(low, width):
    found = ticks(low, low + width)

    slack = 1e-6 * width
    assert 3 <= len(found) <= 7
    assert all(low - slack <= tick <= low + width + slack for tick in found)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_neighbouring_ticks_are_printed_differently(low, width):
    found = ticks(low, low + width)

    printed = [f"{tick:.{digits_of(found)}f}" for tick in found]

    assert len(set(printed)) == len(printed)


def test_corners_of_the_data_are_corners_of_the_plot_area():
    assert FRAME.at((0, 0)) == (40, 70)
    assert FRAME.at((1, 10)) == (180, 10)


def test_points_outside_stay_at_the_edge():
    assert FRAME.at((5, -3)) == (180, 70)


def test_series_differ_in_dash_and_mark_as_well_as_colour():
    assert len(set(DASHES)) == len(DASHES)
    drawn = {mark(0, 0, series).replace(f"s{series}", "") for series in range(4)}
    assert len(drawn) == 4


def test_a_drawing_says_what_it_is():
    made = drawing(FRAME, "Title <1>", "What to see")

    assert "<title>Title &lt;1&gt;</title><desc>What to see</desc>" in made
    assert 'role="img"' in made
