"""A sum over a yes/no column is a number of persons, so few of them are not told."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.columns import columns
from modelward.core.counted import HIDDEN
from modelward.study.scaling import local_sums
from modelward.study.scaling_cells import coarser, reading
from tests.sites import newton
from tests.studies import table_study

PLAIN = columns(newton())
"""age, creatinine, diabetes (yes or no)."""

LEVELS = columns(table_study())
"""age, and levels of categories."""


def patients(units: int, diabetic: int, unknown: int = 0) -> np.ndarray:
    """Return rows of age, creatinine and diabetes."""
    rows = np.column_stack([np.full(units, 50.0), np.full(units, 1.0), np.zeros(units)])
    rows[:diabetic, 2] = 1
    rows[units - unknown :, 0] = np.nan
    return rows


def tables(rows: np.ndarray, listed: Any = PLAIN) -> dict[str, list[float]]:
    sums = coarser(listed, local_sums(rows, listed), 10)
    found = reading(listed, sums, len(rows))
    assert found.wrong == ()
    assert found.read == set(sums)
    return {table.name: table.cells.reshape(-1).tolist() for table in found.tables}


def test_a_yes_no_column_is_read_as_those_without_and_with():
    found = tables(patients(50, 20))

    assert found == {"units": [50], "known": [50, 50, 50], "diabetes": [30, 20]}


@pytest.mark.parametrize("diabetic", [1, 9, 41, 49])
def test_a_column_with_few_on_one_side_is_left_out(diabetic):
    found = tables(patients(50, diabetic))

    assert found == {"units": [50], "known": [50, 50, 0]}


@pytest.mark.parametrize("diabetic", [0, 10, 40, 50])
def test_nobody_and_ten_are_told(diabetic):
    assert tables(patients(50, diabetic))["diabetes"] == [50 - diabetic, diabetic]


def test_few_known_values_of_a_number_are_left_out_and_few_missing_are_told():
    assert tables(patients(50, 20, unknown=45))["known"] == [0, 50, 50]
    assert tables(patients(50, 20, unknown=3))["known"] == [47, 50, 50]


def test_a_rare_level_hides_together_with_the_first_until_ten_are_behind_it():
    name = next(column.feature for column in LEVELS if column.level is not None)
    places = [n for n, column in enumerate(LEVELS) if column.feature == name]
    rows = np.zeros((60, len(LEVELS)))
    rows[:3, places[0]] = 1
    rows[3:35, places[1]] = 1  # and 25 of the first level, which has no column

    found = tables(rows, LEVELS)[name]

    assert found[:2] == [HIDDEN, HIDDEN]
    assert found[2] == 32


@given(
    st.lists(st.integers(0, 3), min_size=10, max_size=80),
    st.integers(2, 12),
)
def test_no_small_cell_is_left_and_no_margin_gives_one_back(levels, least):
    name = next(column.feature for column in LEVELS if column.level is not None)
    places = [n for n, column in enumerate(LEVELS) if column.feature == name]
    rows = np.zeros((len(levels), len(LEVELS)))
    for row, level in enumerate(levels):
        if 0 < level <= len(places):
            rows[row, places[level - 1]] = 1

    sums = coarser(LEVELS, local_sums(rows, LEVELS), least)

    for table in reading(LEVELS, sums, len(rows)).tables:
        cells = table.cells.reshape(-1)
        shown = cells[cells != HIDDEN]
        if table.name in {"units", "known"}:
            continue
        assert not ((shown > 0) & (shown < least)).any()
        hidden = float(np.sum(table.total or 0)) - shown.sum()
        assert hidden == 0 or hidden >= least


def test_sums_that_no_cohort_has_are_said_to_be_wrong():
    sums = local_sums(patients(50, 20), PLAIN)
    strange = [
        {"square": sums["square"] + [0, 0, -1]},
        {"total": sums["total"] + [60, 0, 0]},
        {"known": sums["known"] + [10, 0, 0], "square": sums["square"]},
        {"square": np.array([-1.0, 0, 50])},
    ]

    for change in strange:
        assert reading(PLAIN, {**sums, **change}, 50).wrong, change
    assert not reading(PLAIN, sums, 50).wrong
