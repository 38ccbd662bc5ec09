"""No count of a few persons leaves in a table, whatever the table is called."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.core.tensors import Schema
from modelward.gate.acting import objections
from modelward.gate.cells import cells, coarser, few_behind
from modelward.gate.leaks import Look
from modelward.gate.offer import Offer
from modelward.privacy.leakage.copies import Copies
from modelward.privacy.leakage.figures import Inspection
from modelward.recipes.analysis import Observed
from modelward.recipes.catalogue import analysis
from modelward.study.answers import answer_to
from modelward.study.read import parse
from tests.analyses import numbers, study_of
from tests.sites import FEDAVG, fedavg, newton

PRIVATE = parse(FEDAVG + "[privacy.dp]\nepsilon = 3\n")
EVENT = 'type = "time-to-event"\nhorizon = 100'
ARM = numbers("age", low=0, high=100) + '[features.arm]\ntype = "boolean"\n'


def offer(study: Study, kind: TaskKind, tensors: Mapping[str, Any], units: int) -> Offer:
    return Offer(
        task=Task(study=study.sha256, round_no=1, kind=kind, model="ab" * 32),
        kind=answer_to(study, kind)[0],
        tensors={name: np.asarray(values, np.float64) for name, values in tensors.items()},
        patients=units,
        schema=Schema.of(),
    )


def says(
    tensors: Mapping[str, Any], kind: TaskKind, units: int, study: Study | None = None
) -> list[str]:
    """Return what is said against an answer."""
    study = study or fedavg()
    return [f.says for f in cells(study, 10)(offer(study, kind, tensors, units))]


def told(counts: Any) -> list[str]:
    """Return what is said against validation counts of as many units as they add up to."""
    table = np.asarray(counts, np.float64)
    return says({"counts": table}, "evaluate", int(table.sum()))


def test_counts_that_do_not_add_up_to_the_units_are_objected_to():
    found = says({"counts": [[12, 20], [0, 11]]}, "evaluate", 44)

    assert found == ["counts adds up to 43, and 44 are behind it"]


def test_a_histogram_with_a_cell_of_one_is_objected_to():
    assert told([[12, 1], [0, 11]]) == ["counts has 1 cells of 1 to 9 persons"]
    assert told([[12, 0], [0, 10]]) == []


@pytest.mark.parametrize("value", [0.5, -3, 2.0**41])
def test_values_that_count_nobody_are_objected_to(value):
    assert "not numbers of persons" in told([[12, value]])[0]


def test_noised_counts_and_updates_are_not_looked_at():
    assert says({"counts": [[2.5, -1]]}, "evaluate", 3, PRIVATE) == []
    assert says({"w": [3.0]}, "train", 3) == []


def test_what_nobody_can_read_does_not_leave():
    found = says({"counts": [[12, 10]], "ages": [40.0]}, "evaluate", 22)

    assert found == ["ages are tables that nobody can read"]


def test_validation_counts_are_made_coarser_until_they_may_leave():
    counts = np.zeros((2, 256))
    counts[0, 20:40], counts[1, 100:120] = 1, 2

    found = coarser(fedavg(), "evaluate", {"counts": counts}, 10)

    assert told(found["counts"]) == []
    assert found["counts"].sum(axis=1).tolist() == [20, 40]
    assert found["counts"].dtype == counts.dtype


def test_what_cannot_be_made_coarser_is_left_for_the_rule_to_refuse():
    counts = np.array([[30.0, 0], [3, 0]])

    assert told(coarser(fedavg(), "evaluate", {"counts": counts}, 10)["counts"]) != []
    assert coarser(PRIVATE, "evaluate", {"counts": counts}, 10)["counts"] is counts


def test_three_diabetics_are_not_told_in_sums_for_scaling():
    sums = {
        "units": [50.0],
        "known": [50.0, 50, 50],
        "total": [0.0, 0, 2 * 3 - 50],
        "square": [0.0, 0, 50],
    }
    arrays = {name: np.array(values) for name, values in sums.items()}

    assert says(sums, "statistics", 50) == ["diabetes has 1 cells of 1 to 9 persons"]
    assert says(coarser(fedavg(), "statistics", arrays, 10), "statistics", 50) == []


STUDIES: dict[str, Study] = {
    "km": study_of(ARM, EVENT, 'name = "km"\noptions = {width = 20, by = "arm"}'),
    "stratified": study_of(
        ARM, EVENT, 'name = "km"\nversion = 2\noptions = {width = 20, by = "arm"}'
    ),
    "describe": study_of(ARM, EVENT, 'name = "describe"\noptions = {by = "arm"}'),
    "described": study_of(ARM, EVENT, 'name = "describe"'),
    "cox": study_of(ARM, EVENT, 'name = "cox"'),
    "glm": study_of(ARM, 'type = "boolean"', 'name = "glm"'),
    "combat": study_of(
        ARM + numbers("volume") + "[cohort]\ncomplete = true\n",
        'type = "boolean"',
        'name = "combat"\noptions = {keep = "arm"}',
    ),
}


def answer(study: Study, few: int) -> dict[str, np.ndarray]:
    """Return a site's answer about 200 patients, of whom `few` are in the other arm.

    As many have the event or the outcome.
    """
    draw = np.random.default_rng(3)
    units, width = 200, len(analysis(study.recipe).crossed(study)) or 2
    raw = draw.uniform(0, 100, (units, max(width, 3 if "volume" in study.features else 2)))
    raw[:, 1] = np.arange(units) < few
    y = (np.arange(units) % units < few).astype(np.int8)
    days = np.repeat([30.0, 50.0], units // 2)
    units_ = Observed(raw=raw, x=raw, y=y, amount=days)
    state = {s.name: np.zeros(s.shape) for s in analysis(study.recipe).state(study)}
    return analysis(study.recipe).local(study, state, units_, units_)


@pytest.mark.parametrize("name", STUDIES)
def test_what_recipes_make_themselves_is_let_out(name):
    assert says(answer(STUDIES[name], 80), "sums", 200, STUDIES[name]) == []


@pytest.mark.parametrize("name", ["km", "stratified", "describe", "described"])
def test_what_recipes_have_made_free_of_small_cells_is_let_out(name):
    assert says(answer(STUDIES[name], 3), "sums", 200, STUDIES[name]) == []


@pytest.mark.parametrize(
    ("name", "tensor", "place", "value", "why"),
    [
        ("km", "events", (0, 1), 3, "events has 1 cells of 1 to 9 persons"),
        ("km", "censored", (1, 4), 9, "censored has 1 cells of 1 to 9 persons"),
        ("km", "hidden", (0,), 0.5, "hidden has values that are neither 0 nor 1"),
        ("km", "shift", (0,), 1e9, "times are moved by more than there is"),
        ("km", "shift", (0,), -1, "times are moved by more than there is"),
        ("stratified", "censored", (1, 4), 9, "censored has 1 cells of 1 to 9 persons"),
        ("stratified", "gap", (0,), 4711, "sums of a log-rank test that no patients add up to"),
        ("stratified", "spread", (0, 0), 1e6, "sums of a log-rank test that no patients add"),
        ("stratified", "spread", (0, 1), 3, "sums of a log-rank test that no patients add"),
        ("described", "units", (0,), 196, "units adds up to 196, and 200 are behind it"),
        ("described", "bins", (0, 0, 7), 1, "bins has 1 cells of 1 to 9 persons"),
        ("described", "levels", (0, 1), 4, "arm has 1 cells of 1 to 9 persons"),
        ("described", "answered", (0, 0), 4, "answered has 1 cells of 1 to 9 persons"),
        ("described", "known", (0, 0), 9, "known has 1 cells of 1 to 9 persons"),
        ("described", "total", (0, 0), 4711, "sums of values that are not within"),
        ("described", "masked", (0, 0), 1, "levels are told that are said to be hidden"),
        ("cox", "followed", (1,), 3, "followed has 1 cells of 1 to 9 persons"),
        ("cox", "followed", (0,), 201, "followed adds up to 201, and 200 are behind it"),
        ("cox", "pairs", (1, 0), 5, "pairs has 1 cells of 1 to 9 persons"),
        ("glm", "outcomes", (2,), 7, "outcomes has 1 cells of 1 to 9 persons"),
        ("glm", "outcomes", (2,), 194, "outcomes has 1 cells of 1 to 9 persons"),
        ("combat", "kept", (-1,), 5, "outcomes has 1 cells of 1 to 9 persons"),
        ("combat", "units", (1,), 4711, "it says to be of several sites"),
    ],
)
def test_a_cell_of_a_few_in_a_table_of_any_recipe_is_objected_to(
    name, tensor, place, value, why
):
    study = STUDIES[name]
    found = answer(study, 80)
    found[tensor][place] = value

    assert any(why in said for said in says(found, "sums", 200, study))


def test_a_hidden_group_that_the_total_gives_away_is_objected_to():
    study = STUDIES["km"]
    found = answer(study, 80)
    for tensor in ("events", "censored"):
        found[tensor][1] = 0
    found["hidden"][1] = 1

    assert says(found, "sums", 200, study) == []
    left = int(found["events"].sum() + found["censored"].sum()) + 4
    assert "hides cells of 4 persons in all" in says(found, "sums", left, study)[0]


def looked(fewest: int | None) -> Look:
    return Look(
        lambda: Inspection(copies=Copies(passages=0, records=0, rows=0), fewest=fewest), b"salt"
    )


def behind(study: Study, kind: TaskKind, fewest: int | None) -> list[str]:
    made = offer(study, kind, {}, 200)
    object.__setattr__(made, "look", looked(fewest))
    return [finding.rule for finding in few_behind(study, 10)(made)]


@pytest.mark.parametrize("name", ["cox", "glm", "combat"])
def test_products_with_a_column_of_a_few_are_objected_to(name):
    assert behind(STUDIES[name], "sums", 9) == ["cells"]
    assert behind(STUDIES[name], "sums", 10) == []
    assert behind(STUDIES[name], "sums", None) == ["cells"], "nobody has counted"


def test_newton_sums_are_asked_as_well_and_tables_are_not():
    assert behind(newton(), "newton", 3) == ["cells"]
    assert behind(STUDIES["km"], "sums", None) == []
    assert behind(fedavg(), "train", None) == []


@pytest.mark.parametrize(("least", "refused"), [(1, []), (10, ["cells"]), (9, [])])
def test_two_columns_together_are_judged_where_the_policy_has_a_minimum_for_them(
    least, refused
):
    found = Inspection(copies=Copies(passages=0, records=0, rows=0), fewest=40, together=9)
    made = offer(STUDIES["glm"], "sums", {}, 200)
    object.__setattr__(made, "look", Look(lambda: found, b"salt"))

    said = few_behind(STUDIES["glm"], 10, least)(made)

    assert [finding.rule for finding in said] == refused
    assert all("have 9 persons together" in finding.says for finding in said)


def test_pairs_that_nobody_has_counted_do_not_leave_under_a_minimum_for_them():
    made = offer(STUDIES["glm"], "sums", {}, 200)
    object.__setattr__(made, "look", looked(40))

    assert few_behind(STUDIES["glm"], 10)(made) == ()
    assert [each.rule for each in few_behind(STUDIES["glm"], 10, 10)(made)] == ["cells"]


SUMS = {
    "units": np.array([50.0]),
    "known": np.array([47.0, 50, 40]),
    "total": np.array([0.0, 0, 0]),
    "square": np.array([0.0, 0, 40]),
}


def test_how_many_values_are_missing_is_judged_where_the_policy_has_a_minimum_for_it():
    made = offer(fedavg(), "statistics", SUMS, 50)

    assert cells(fedavg(), 10)(made) == ()
    (finding,) = cells(fedavg(), 10, 10)(made)
    assert finding.says == "values not known has 1 cells of 1 to 9 persons"


def test_a_column_with_few_missing_is_left_out_of_scaling_where_the_policy_says_so():
    found = coarser(fedavg(), "statistics", SUMS, 10, 10)

    assert found["known"].tolist() == [0, 50, 40]
    assert cells(fedavg(), 10, 10)(offer(fedavg(), "statistics", found, 50)) == ()
    assert coarser(fedavg(), "statistics", SUMS, 10)["known"] is SUMS["known"]


def test_a_description_tells_of_few_missing_only_where_the_policy_lets_it():
    study = STUDIES["described"]
    found = answer(study, 80)
    found["known"][0, 0] -= 3
    found["bins"][0, 0, np.argmax(found["bins"][0, 0])] -= 3
    made = offer(study, "sums", found, 200)

    assert cells(study, 10)(made) == ()
    assert [each.says for each in cells(study, 10, 10)(made)] == [
        "values not known has 1 cells of 1 to 9 persons"
    ]


TELLS = parse(f'{FEDAVG}[report]\nbins = 4\n[evaluation]\nthreshold = "youden"\n')


def sides(counts: list[list[int]], acting: list[list[int]], edge: int | None = 96) -> Offer:
    """Return an offer of test units in four bins, and on the sides of 96 / 256 = 0.375."""
    tensors = {
        "counts.federated": counts,
        "counts.local": [[sum(row), 0, 0, 0] for row in counts],
        "figures": np.zeros(1),
        "acting": acting,
    }
    made = offer(TELLS, "report", tensors, int(np.sum(counts)))
    return replace(made, task=replace(made.asked, edge=edge))


def made_coarser(made: Offer, minimum: int = 10) -> Offer:
    return replace(made, tensors=coarser(TELLS, "report", made.tensors, minimum))


def said(made: Offer) -> str:
    return " ".join(finding.says for finding in cells(TELLS, 10)(made))


def test_sides_of_the_threshold_that_are_large_enough_leave_as_they_are():
    found = made_coarser(sides([[40, 30, 20, 0], [0, 25, 20, 30]], [[55, 35], [12, 63]]))

    assert found.tensors["acting"].tolist() == [[55, 35], [12, 63]]
    assert found.tensors["counts.federated"].tolist() == [[40, 30, 20, 0], [0, 25, 20, 30]]
    assert said(found) == ""


@pytest.mark.parametrize(
    ("row", "pair", "told"),
    [
        ([40, 30, 20, 0], [45, 45], True),  # coarser: groups of 45 and 25 below one half
        ([40, 30, 20, 0], [65, 25], True),  # groups reach over one half, 5 units on
        ([4, 3, 50, 40], [6, 91], False),
        ([40, 30, 20, 0], [40, 50], True),
        ([0, 0, 5, 60], [0, 65], True),  # nobody is below
        ([30, 4, 11, 30], [32, 43], True),  # 2 between it and one half, which gives way
        ([13, 8, 2, 40], [14, 49], True),  # 7, as before
        ([13, 20, 2, 40], [23, 52], True),
        ([3, 4, 2, 40], [5, 44], False),
    ],
)
def test_groups_of_the_histogram_end_at_the_threshold_or_it_is_not_told(row, pair, told):
    other = [[50, 0, 0, 50], [50, 50]]

    found = made_coarser(sides([row, other[0]], [pair, other[1]]))

    assert found.tensors["acting"][0].tolist() == (pair if told else [0, 0])
    assert found.tensors["acting"][1].tolist() == other[1]
    assert found.tensors["counts.federated"][0].sum() == sum(row)
    assert said(found) == ""


@pytest.mark.parametrize(
    ("pair", "edge", "says"),
    [
        ([45, 45], 96, "acting has 1 cells of 1 to 9 persons"),
        ([55, 30], 96, "adds up to 85, and 90 are in the histogram"),
        ([80, 10], 96, "puts other units below the threshold"),
        ([55, 35], None, "tells of a threshold, and none was asked about"),
        ([54.5, 35.5], 96, "acting has values that are not numbers of persons"),
    ],
)
def test_whoever_made_it_sides_that_tell_of_a_few_or_do_not_add_up_are_refused(
    pair, edge, says
):
    made = sides([[40, 30, 20, 0], [0, 25, 20, 30]], [pair, [12, 63]], edge)

    assert says in said(made)


@given(
    st.lists(st.integers(0, 30), min_size=16, max_size=16),
    st.integers(0, 256),
    st.integers(2, 12),
    st.randoms(use_true_random=False),
)
def test_whatever_is_told_of_a_threshold_no_cell_of_both_tables_is_small(
    row, edge, least, draw
):
    study = parse(f'{FEDAVG}[report]\nbins = 16\n[evaluation]\nthreshold = "youden"\n')
    place = edge * 16 // 256
    within = row[place] if place < 16 else 0
    lies_on = edge * 16 % 256 == 0
    below = sum(row[:place]) + (0 if lies_on else draw.randint(0, within))
    tensors = {
        "counts.federated": np.array([row, [0] * 16], float),
        "acting": np.array([[below, sum(row) - below], [0, 0]], float),
    }

    found = coarser(study, "report", tensors, least)

    assert found["counts.federated"][0].sum() == sum(row)
    if 0 < sum(row) < least:
        return  # the rule refuses all of it
    assert objections(found, edge, least) == []
