"""Cox, Kaplan-Meier and log-rank over three sites, held to lifelines on all rows together.

The file was written by bench/peers/survival_vectors.py in an environment with lifelines and
without us; rows have ties of three days, a month and a quarter of a year.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.evaluate.sums.coefficients import coefficients
from modelward.evaluate.sums.survival import curves, log_rank
from modelward.readers.cohort import Cohort
from tests.analyses import cohort, finished, numbers, study_of

CASES = json.loads((Path(__file__).parent / "survival" / "lifelines.json").read_text())["cases"]

NAMES = ("age", "arm", "dose")
FEATURES = numbers("age", "arm", "dose")
BY_ARM = '[features.arm]\ntype = "category"\nlevels = ["0", "1"]\n'
STAGE = '[features.stage]\ntype = "boolean"\n'
TARGET = 'type = "time-to-event"\nhorizon = 1000'


def sites(case: Any, *names: str) -> dict[str, Cohort]:
    """Return the rows of every site, with the columns `names`."""
    rows = {name: np.array(values, np.float64) for name, values in case["rows"].items()}
    x = np.column_stack([rows[name] for name in names])
    return {
        f"site-{int(k)}": cohort(x[own], rows["event"][own].astype(np.int8), rows["days"][own])
        for k in np.unique(rows["site"])
        for own in [rows["site"] == k]
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"ties-of-{case['ties']}")
@pytest.mark.parametrize("strata", ["site", "site and stage"])
def test_cox_is_that_of_lifelines(case, strata):
    within = strata != "site"
    recipe = f'name = "cox"\noptions = {{ strata = "{"stage" if within else ""}" }}'
    terms = study_of(FEATURES + (STAGE if within else ""), TARGET, recipe)

    model, reason = finished(terms, sites(case, *NAMES, *(["stage"] if within else [])))

    expected = case["cox"][strata]
    assert reason.startswith("converged")
    for row in coefficients(model):
        assert row.estimate == pytest.approx(expected["params"][row.name], abs=1e-6)
        assert row.error == pytest.approx(expected["errors"][row.name], abs=1e-6)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"ties-of-{case['ties']}")
def test_curves_and_log_rank_are_those_of_lifelines(case):
    options = f'width = {case["ties"]}, by = "arm", min_cell = 1'
    terms = study_of(BY_ARM, TARGET, f'name = "km"\noptions = {{ {options} }}')

    model, _ = finished(terms, sites(case, "arm"))

    for arm, curve in enumerate(curves(model)):
        days, survival, median = case["km"][str(arm)]
        expected = dict(zip(days, survival, strict=True))
        found = {step.day: step.survival for step in curve.steps if step.events}
        assert set(found) <= set(expected)
        for day, value in found.items():
            assert value == pytest.approx(expected[day], abs=1e-9)
        assert curve.median == median
    test = log_rank(model)
    assert test is not None
    assert (test.chi_square, test.p) == pytest.approx(case["log_rank"], abs=1e-9)
