"""Figures of a report leave as the study has agreed, or not at all."""

import numpy as np
import pytest

from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.core.verdict import Finding
from modelward.evaluate.predictions import Predictions
from modelward.evaluate.site_figures import encode
from modelward.gate.cells import cells, coarser
from modelward.gate.figures import misfits
from modelward.gate.offer import Offer
from modelward.study.read import parse
from modelward.study.report_answer import ABSENT, NAMES, report_schema
from tests.studies import TABLE

STUDY = parse(TABLE + "\n[report]\n")
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


def test_a_table_without_an_order_is_not_made_coarser():
    table = {"counts.ward": np.array([[3.0, 20.0], [30.0, 40.0]])}

    assert coarser(STUDY, "report", table, 10) is table
