"""Data that fit are READY, whatever is predicted; outcomes that never vary are not."""

import numpy as np
import pytest

from modelward.core.columns import columns
from modelward.core.study import Study
from modelward.readers.assemble import Rows
from modelward.readers.checking.copies import copies
from modelward.readers.checking.readiness import Finding, Readiness, judge
from modelward.readers.checking.readiness_report import as_text
from tests.analyses import numbers, study_of

DRAW = np.random.default_rng(7)
X = DRAW.normal(size=(200, 2))

NUMBER = 'type = "number"\nunit = "d"\nrange = [0, 100]'
TIME = 'type = "time-to-event"\nhorizon = 900'
LINEAR = 'name = "glm"\noptions = { family = "linear" }'
POISSON = 'name = "glm"\noptions = { family = "poisson" }'


def study(target: str, recipe: str) -> Study:
    return study_of(numbers("a", "b"), target, recipe)


def checked(
    asked: Study, y: np.ndarray, amount: np.ndarray | None = None, x: np.ndarray = X
) -> Readiness:
    """Return what the check says of units whose rows could all be read."""
    assert x.shape[1] == len(columns(asked))
    rows = Rows(ids=[str(n) for n in range(len(y))], x=x, y=y, amount=amount)
    return judge(rows, asked, [])


def about(found: Readiness, key: str) -> list[Finding]:
    return [each for each in found.findings if each.key == key]


@pytest.mark.parametrize(
    ("target", "recipe", "y", "amount"),
    [
        (NUMBER, LINEAR, np.zeros(200), DRAW.uniform(0, 100, 200)),
        (NUMBER, POISSON, np.zeros(200), DRAW.poisson(3, 200).astype(float)),
        (NUMBER, 'name = "describe"', np.zeros(200), DRAW.uniform(0, 100, 200)),
        (TIME, 'name = "cox"', (np.arange(200) % 3 == 0) * 1.0, DRAW.uniform(1, 900, 200)),
        ('type = "boolean"', 'name = "glm"', (np.arange(200) % 2) * 1.0, None),
    ],
)
def test_data_that_fit_are_ready_whatever_is_predicted(target, recipe, y, amount):
    found = checked(study(target, recipe), y, amount)

    assert found.ready, as_text(found)


def test_a_measured_outcome_that_never_varies_is_an_error():
    found = checked(study(NUMBER, LINEAR), np.zeros(200), np.full(200, 7.0))

    assert about(found, "y")[0].says == "all 200 outcomes are equal"
    assert not found.ready


def test_a_time_to_an_event_that_nobody_had_is_an_error():
    found = checked(study(TIME, 'name = "cox"'), np.zeros(200), np.arange(200.0))

    assert about(found, "y")[0].says == "all 200 outcomes are no"


def test_a_feature_that_is_the_measured_outcome_in_other_units_is_told():
    found = checked(study(NUMBER, LINEAR), np.zeros(200), 50 + 3 * X[:, 1])

    assert [f.level for f in about(found, "b")] == ["warning"]
    assert "tells the outcome almost perfectly (correlation 1.000)" in about(found, "b")[0].says
    assert not about(found, "a")


def test_few_coarse_columns_repeat_by_themselves():
    age, stage = DRAW.integers(50, 80, 300), DRAW.integers(0, 3, 300)
    coarse = [age.astype(float), (stage == 1) * 1.0, (stage == 2) * 1.0, (stage > 0) * 1.0]
    outcome = (DRAW.random(300) < 0.3).astype(np.float64)
    equal = len(coarse[0]) - len(np.unique(np.array([*coarse, outcome]).T, axis=0))

    assert equal > 0.2 * 300  # the rule without chance told of these
    assert copies([*coarse, outcome]) == []


def test_fine_values_that_repeat_are_copies_also_where_some_are_missing():
    fine = [np.array([np.nan if v > 1 else v for v in X[:, 0]]), X[:, 1], np.round(X[:, 0])]
    twice = [np.concatenate([each, each]) for each in [*fine, X[:, 1] > 0]]

    [(level, key, says, _)] = copies([each.astype(float) for each in twice])

    assert (level, key) == ("warning", "patient")
    assert says == "200 of 400 units equal another one in every feature"
