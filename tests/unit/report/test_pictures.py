"""The newer pictures show every number they are given, and what it is beside its colour."""

import numpy as np

from modelward.evaluate.measures.decision import decision_curve
from modelward.report.numbers import MISSING
from modelward.report.pictures.bars import Bar, bars
from modelward.report.pictures.decision_plot import decision
from modelward.report.pictures.heat_map import HeatRow, heat_map
from modelward.report.pictures.paths import paths
from tests.four_hospitals import judged

CURVE = decision_curve(judged()["federated"]["cleveland"], np.random.default_rng(1), draws=20)


def test_a_heat_map_has_its_number_in_every_cell():
    drawn = heat_map(
        [HeatRow("Federated", (0.81, None)), HeatRow("Alone", (0.62, 0.7))], ["North", "South"],
        "AUC",
    )  # fmt: skip

    assert drawn.count('class="shade"') == 4
    assert all(f">{number}</text>" in drawn for number in ("0.81", "0.62", "0.70", MISSING))


def test_the_darkest_cell_is_the_highest_and_a_missing_one_has_no_shade():
    drawn = heat_map([HeatRow("A", (0.5, 0.9, None))], ["x", "y", "z"], "AUC")

    assert [f'fill-opacity="{shade}"' in drawn for shade in ("0.06", "0.9", "0")] == [True] * 3
    assert drawn.count("cell light") == 1


def test_forty_columns_stay_inside_the_drawing():
    columns = [f"site-{n}" for n in range(40)]
    drawn = heat_map([HeatRow("A", tuple(np.linspace(0.5, 0.9, 40)))], columns, "AUC")

    assert 'viewBox="0 0 610 ' in drawn


def test_a_bar_below_zero_goes_to_the_left():
    drawn = bars(
        [Bar("North", 0.02, 0.01, 0.03, "70%"), Bar("South", -0.01, None, None, "0%")],
        "added",
        "Contribution",
    )

    assert drawn.count('class="bar"') == 1
    assert drawn.count('class="bar worse"') == 1
    assert drawn.count("whisker") == 1
    assert ">70%</text>" in drawn


def test_a_decision_curve_names_both_other_ways():
    drawn = decision([("Federated", CURVE)])

    assert ">Federated</text>" in drawn
    assert ">everybody</text>" in drawn
    assert 'class="chance"' in drawn
    assert drawn.count("thin s0") == len(CURVE)


def test_the_hospital_that_ends_lowest_is_drawn_out():
    drawn = paths(
        [("North", [0.7, 0.8]), ("South", [0.9, 0.6]), ("West", [None, None])], "validation AUC"
    )

    assert drawn.count('class="quiet"') == 1
    assert 'class="tick worse">South</text>' in drawn
    assert ">West</text>" not in drawn


def test_of_very_many_hospitals_only_the_lowest_is_named():
    drawn = paths([(f"site-{n}", [0.5 + n / 100] * 3) for n in range(30)], "AUC")

    assert ">site-0</text>" in drawn
    assert ">site-7</text>" not in drawn


def test_names_from_elsewhere_are_escaped():
    name = "<script>a & b"
    drawn = heat_map([HeatRow(name, (0.5,))], [name], "AUC") + paths([(name, [0.5])], "AUC")

    assert "<script>" not in drawn
    assert drawn.count("&lt;script&gt;a &amp; b") > 2
