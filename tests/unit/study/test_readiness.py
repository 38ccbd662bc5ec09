"""What may be said of data before a study begins has one form, and a bound per patient."""

import numpy as np

from modelward.core.columns import columns
from modelward.study.readiness import (
    BANDS,
    BINS,
    Statement,
    banded,
    contributions,
    names,
    of_nobody,
    reach,
    schema,
)
from tests import sequences
from tests.sites import newton


def test_everything_that_a_site_may_lack_has_a_name():
    assert names(newton()) == ("cohort", "age", "creatinine", "diabetes", "readmitted")
    assert names(sequences.study()) == (
        "cohort", "course", "course.creatinine", "course.diabetes", "course.glucose",
        "course.visit", "readmitted",
    )  # fmt: skip


def test_units_are_told_as_the_lower_end_of_a_band():
    assert [banded(n) for n in (0, 19, 20, 49, 50, 999, 1_000_000)] == [
        0, 0, 20, 20, 50, 500, 100_000,
    ]  # fmt: skip
    assert list(BANDS) == sorted(BANDS)


def test_a_unit_adds_one_to_one_cell_of_the_outcome_and_of_each_column():
    x = np.array([[18.0, np.nan, 1.0], [109.9, 5.0, 0.0]])
    found = contributions(newton(), x, np.array([1, 0], np.int8), None).reshape(2, 4, BINS + 1)

    assert [c.name for c in columns(newton())] == ["age", "creatinine", "diabetes"]
    assert found.argmax(axis=2).tolist() == [[1, 0, BINS, 7], [0, 7, 4, 0]]
    assert (found.sum(axis=2) == 1).all()
    np.testing.assert_allclose(np.linalg.norm(found.reshape(2, -1), axis=1), reach(newton()))


def test_a_statement_of_nobody_holds_flags_and_nothing_else():
    tensors = of_nobody(newton(), {"age": False})
    said = Statement.read(newton(), tensors)

    assert {name: t.shape for name, t in tensors.items()} == {
        spec.name: spec.shape for spec in schema(newton())
    }
    assert said.ready == {"cohort": True, "age": False, "creatinine": True, "diabetes": True,
                          "readmitted": True}  # fmt: skip
    assert not said.whole
    assert not said.counted
    assert not any(tensors[name].any() for name in ("units", "outcome", "values"))
