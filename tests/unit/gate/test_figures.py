"""Figures of a report leave as the study has agreed, or not at all."""

import numpy as np
import pytest

from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.core.verdict import Finding
from modelward.evaluate.groups.by_group import site_row
from modelward.evaluate.predictions import Predictions, part
from modelward.evaluate.told.site_figures import encode
from modelward.gate.cells import cells, coarser
from modelward.gate.figures import misfits
from modelward.gate.offer import Offer
from modelward.study.read import parse
from modelward.study.report_answer import ABSENT, NAMES, report_schema
from modelward.study.report_groups import PLACE, RATED
from tests.studies import TABLE

STUDY = parse(TABLE + "\n[report]\n")
IMAGED = parse(TABLE.replace("[study]", '[study]\nunit = "image"') + "\n[report]\n")
OUTCOME = np.repeat([1, 0], [60, 90])
P = np.linspace(0.05, 0.95, 150)


def told(outcome: np.ndarray = OUTCOME) -> dict[str, np.ndarray]:
    one, other = Predictions.of(outcome, P), Predictions.of(outcome, P[::-1])
    return encode("north", one, other, STUDY)


def objections(tensors: Tensors) -> tuple[Finding, ...]:
    """Return what is said against a report of 150 test units."""
    task = Task(study=STUDY.sha256, round_no=1, kind="report", model="ab" * 32)
    schema = report_schema(STUDY)
    offer = Offer(task=task, kind="metrics", tensors=tensors, patients=150, schema=schema)
    return cells(STUDY, 10)(offer)


def test_what_a_site_encodes_fits():
    assert misfits(STUDY, "report", told()) == ()
    assert misfits(STUDY, "evaluate", {}) == ()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("federated.auc.value", 0.81234567, "rounded"),
        ("federated.auc.value", 1.5, "outside"),
        ("local.brier.low", -0.1, "outside"),
        ("share", 3.0, "outside"),
        ("local.slope.high", 64.0, "outside"),
        ("local.slope.high", ABSENT - 1, "outside"),
        ("word", 7.0, "codes"),
        ("alike", 0.25, "codes"),
    ],
)
def test_a_figure_with_more_in_it_than_was_agreed_does_not(name, value, says):
    tensors = told()
    tensors["figures"][NAMES.index(name)] = value

    (finding,) = misfits(STUDY, "report", tensors)
    assert finding.rule == "figures"
    assert says in finding.says


def of_patients(patients: int) -> dict[str, np.ndarray]:
    """Return what a site tells of 150 images of so many patients."""
    owner = np.concatenate(
        [np.arange(60) % patients, patients + np.arange(90) % (2 * patients)]
    )
    one, other = (Predictions.of(OUTCOME, p, owner) for p in (P, P[::-1]))
    return encode("north", one, other, IMAGED)


@pytest.mark.parametrize(("patients", "leaves"), [(10, True), (9, False)])
def test_many_images_of_few_patients_do_not_leave(patients, leaves):
    tensors = of_patients(patients)
    task = Task(study=IMAGED.sha256, round_no=1, kind="report", model="ab" * 32)
    schema = report_schema(IMAGED)
    made = coarser(IMAGED, "report", tensors, 10)
    offer = Offer(task=task, kind="metrics", tensors=made, patients=150, schema=schema)

    assert tensors["patients"][:3].tolist() == [3 * patients, patients, 2 * patients]
    assert misfits(IMAGED, "report", made) == ()
    found = cells(IMAGED, 10)(offer)
    assert (found == ()) == leaves
    assert leaves or "patients has 1 cells of 1 to 9 persons" in found[0].says


@pytest.mark.parametrize(
    ("place", "value"), [(0, 31.0), (1, 10.5), (2, 100.0), (3, 11.0), (3, 0.0), (4, -1.0)]
)
def test_patients_that_cannot_be_do_not_leave(place, value):
    tensors = of_patients(10)
    tensors["patients"][place] = value

    (finding,) = misfits(IMAGED, "report", tensors)
    assert "patients that cannot be" in finding.says


def test_counts_are_made_coarser_until_no_cell_is_small():
    made = coarser(STUDY, "report", told(), 10)

    for name in ("counts.federated", "counts.local"):
        counts = made[name]
        assert ((counts == 0) | (counts >= 10)).all()
        assert counts.sum(axis=1).tolist() == [90, 60]
    assert objections(made) == ()


def test_too_few_with_the_outcome_and_nothing_leaves():
    few = np.repeat([1, 0], [6, 144])

    made = coarser(STUDY, "report", told(few), 10)
    found = objections(made)
    assert [finding.rule for finding in found] == ["cells", "cells"]


MASKS = '\n[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n'
SUMMED = parse(TABLE + MASKS + "\n[report]\n")


def to_be_summed() -> dict[str, np.ndarray]:
    return encode("north", Predictions.of(OUTCOME, P), Predictions.of(OUTCOME, P[::-1]), SUMMED)


def test_a_verdict_behind_masks_is_one_word_and_one_rounded_difference():
    tensors = to_be_summed()

    assert report_schema(SUMMED).fits(tensors)
    assert tensors["verdicts"].sum() == 1
    assert tensors["differences"][0, 1] == 1
    assert misfits(SUMMED, "report", tensors) == ()


@pytest.mark.parametrize(
    ("name", "place", "value", "says"),
    [
        ("verdicts", (slice(None),), 1.0, "codes"),
        ("verdicts", (0,), 40.0, "codes"),
        ("verdicts", (0,), np.nan, "codes"),
        ("differences", (0, 0), 0.12345678, "rounded"),
        ("differences", (0, 0), 64.0, "outside"),
        ("differences", (1, 0), 0.5, "outside"),
        ("differences", (0, 1), 7.0, "codes"),
    ],
)
def test_a_sum_is_not_told_of_more_than_that(name, place, value, says):
    tensors = to_be_summed()
    tensors[name][place] = value

    found = misfits(SUMMED, "report", tensors)
    assert any(says in finding.says for finding in found)


GROUPED = parse(TABLE + '\n[report]\ngroups = true\n[evaluation]\ngroups = ["smoker"]\n')


def in_groups(smokers: int, unknown: int = 0) -> dict[str, np.ndarray]:
    """Return a report of 150 test units, of whom so many of either outcome smoke."""
    one, other = Predictions.of(OUTCOME, P), Predictions.of(OUTCOME, P[::-1])
    level = np.zeros(150, int)
    for outcome in (0, 1):
        here = np.random.default_rng(outcome).permutation(np.flatnonzero(outcome == OUTCOME))
        level[here[:smokers]], level[here[smokers : smokers + unknown]] = 1, -1
    rows = [site_row(part(one, level == at), 3) for at in (0, 1)]
    return {**encode("north", one, other, GROUPED), "groups": np.stack(rows)}


def units(tensors: Tensors) -> list[list[float]]:
    """Return negatives and positives of every level, as they are told."""
    told: list[list[float]] = tensors["groups"][:, :2].tolist()
    return told


def test_levels_are_hidden_until_none_tells_of_a_few():
    assert units(coarser(GROUPED, "report", in_groups(20), 10)) == [[70, 40], [20, 20]]
    assert units(coarser(GROUPED, "report", in_groups(20, 12), 10)) == [[58, 28], [20, 20]]

    hidden = coarser(GROUPED, "report", in_groups(4), 10)
    assert not hidden["groups"].any(), "without smokers, the others are the difference"
    few = coarser(GROUPED, "report", in_groups(20, 3), 10)
    assert units(few) == [[70 - 3, 40 - 3], [0, 0]], (
        "20 smokers hide the 3 of whom nobody knows"
    )
    for made in (hidden, few, coarser(GROUPED, "report", in_groups(20), 10)):
        assert objections_to(made) == []
        assert misfits(GROUPED, "report", made) == ()


def test_rates_are_left_out_where_a_side_of_one_half_is_small():
    one = Predictions.of(OUTCOME, np.where(np.arange(150) < 50, 0.7, 0.3))
    rows = [site_row(part(one, np.arange(150) % 2 == at), 3) for at in (0, 1)]
    told = {**encode("north", one, one, GROUPED), "groups": np.stack(rows)}

    made = coarser(GROUPED, "report", told, 10)
    rated = made["groups"][:, RATED].sum(axis=1)
    assert units(made) == [[45, 30], [45, 30]]
    assert rated.tolist() == [0, 0], "5 of 30 with the outcome get a no"
    assert coarser(GROUPED, "report", told, 5)["groups"][:, RATED].all(axis=0).tolist() == [
        True, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(("smokers", "unknown"), [(20, 3), (4, 0)])
def test_levels_that_leave_a_few_over_are_refused(smokers, unknown):
    offered = in_groups(smokers, unknown)
    offered["groups"][:, RATED] = 0
    offered["groups"][(offered["groups"][:, :2] < 10).any(axis=1)] = 0
    whole = coarser(GROUPED, "report", told(), 10)

    (said,) = objections_to({**whole, "groups": offered["groups"]})
    assert "hides cells" in said


def test_more_units_in_levels_than_there_are_is_refused():
    made = coarser(GROUPED, "report", in_groups(20), 10)
    made["groups"][0, 0] += 100

    assert any("adds up to" in said for said in objections_to(made))
    assert any("in groups" in finding.says for finding in misfits(GROUPED, "report", made))


@pytest.mark.parametrize("column", ["area", "error", "beyond", "doubt", "weight", "hits"])
def test_a_row_with_more_in_it_than_rounded_figures_is_refused(column):
    made = coarser(GROUPED, "report", in_groups(20), 10)
    made["groups"][0, PLACE[column]] += 2.0**-20

    (finding,) = misfits(GROUPED, "report", made)
    assert "in groups are more than figures with 3 decimals give" in finding.says


def objections_to(tensors: Tensors) -> list[str]:
    task = Task(study=GROUPED.sha256, round_no=1, kind="report", model="ab" * 32)
    schema = report_schema(GROUPED)
    offer = Offer(task=task, kind="metrics", tensors=tensors, patients=150, schema=schema)
    return [finding.says for finding in cells(GROUPED, 10)(offer)]


def test_a_table_without_an_order_is_not_made_coarser():
    table = {"counts.ward": np.array([[3.0, 20.0], [30.0, 40.0]])}

    assert coarser(STUDY, "report", table, 10) is table
