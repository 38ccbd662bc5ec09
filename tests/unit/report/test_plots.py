"""Pictures show every number they are given, and break where a number is missing."""

import pytest

from modelward.report.pictures import plots
from modelward.report.pictures.paths import ends_worst
from modelward.report.pictures.plots import ForestRow

BETTER = ForestRow("North", "federated better", 0.1, 0.05, 0.15)
UNSURE = ForestRow("South", "no difference shown", 0.0, None, None)


def test_every_site_has_its_estimate_and_its_verdict_in_words():
    drawn = plots.forest([BETTER, UNSURE], "AUC")

    assert drawn.count('class="estimate') == 2
    assert ">federated better</text>" in drawn
    assert ">no difference shown</text>" in drawn


def test_a_site_without_interval_has_no_whiskers():
    assert plots.forest([BETTER], "AUC").count("whisker") == 3
    assert plots.forest([UNSURE], "AUC").count("whisker") == 0


def test_the_signed_margin_is_a_line_left_of_zero():
    drawn = plots.forest([UNSURE], "AUC", margin=0.05)
    places = {
        kind: float(drawn.split(f'class="{kind}"')[0].split('x1="')[-1].split('"')[0])
        for kind in ("zero", "margin")
    }

    assert places["margin"] < places["zero"]
    assert 'class="margin"' not in plots.forest([UNSURE], "AUC")


def test_the_line_that_ends_worst_is_the_highest_loss_and_the_lowest_anything_else():
    lines = [("north", (0.5, 0.6)), ("south", (0.7, None)), ("west", (None, None))]

    assert ends_worst(lines, "validation AUC") == "north"
    assert ends_worst(lines, "validation loss") == "south"


def test_verdicts_differ_in_their_sign_as_well_as_colour():
    assert len(set(plots.SIGNS.values())) == len(plots.SIGNS)


def test_better_lies_right_of_zero():
    frame = plots.forest([BETTER], "AUC")
    zero = float(frame.split('class="zero"')[0].split('x1="')[-1].split('"')[0])
    box = float(frame.split('class="estimate')[0].split('<rect x="')[-1].split('"')[0])

    assert box + 4.5 > zero


def test_names_too_long_are_shortened_with_an_ellipsis():
    assert plots.shorten("St. Elsewhere") == "St. Elsewhere"
    short = plots.shorten("A very long name of a hospital")
    assert len(short) <= plots.LONGEST_NAME
    assert short == "A very long name\N{HORIZONTAL ELLIPSIS}ital"


def test_rounds_without_a_value_break_the_line():
    assert plots.unbroken([0.5, None, 0.7, 0.8]) == [[(1, 0.5)], [(3, 0.7), (4, 0.8)]]
    drawn = plots.learning([("a", [0.5, None, 0.7, 0.8])], "AUC")
    assert drawn.count("<polyline") == 2


def test_the_last_measured_value_is_told():
    drawn = plots.learning([("a", [0.5, 0.75, None])], "AUC")

    assert "a ends at 0.750" in drawn


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.5] * 300])
def test_any_number_of_rounds_can_be_drawn(values):
    drawn = plots.learning([("a", values)], "AUC")

    assert 1 <= drawn.count('class="mark s0"') - 1 <= 20  # one mark is the legend's
