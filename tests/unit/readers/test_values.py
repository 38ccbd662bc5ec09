"""From text to values: nothing is guessed, and the first line that cannot be read is named."""

import numpy as np
import pytest

from modelward.core.columns import columns
from modelward.core.faults import Fault
from modelward.core.targets import Target
from modelward.readers.tables import values
from tests.studies import table_study

LEVELS = ("medical", "surgical", "other")


def text(*entries: str | None) -> np.ndarray:
    """One column as it was read."""
    return np.array(entries, object)


def test_numbers_are_read_and_missing_ones_are_nan():
    faults: list[Fault] = []

    found = values.number(text("1", "-2.5", None, "1e3"), "x", faults)

    np.testing.assert_array_equal(found, [1, -2.5, np.nan, 1000])
    assert not faults


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (("1", "high"), "1 value on line 3: 'high' is not a number"),
        (
            ("12,5", "13,5", "1"),
            "2 values, the first on line 2: '12,5' is not a number (decimal",
        ),
        (("-0,5",), "(decimal comma: write a point, or decimal = ',' in dataset.toml)"),
        (("1.234,5",), "(if it means missing, list it under `missing`"),
        (("1", "nan"), "1 value on line 3: 'nan' is not a finite number"),
        (("-inf", "1"), "1 value on line 2: '-inf' is not a finite number"),
        (("1_000",), "is not a number"),
        (("\u0661",), "is not a number"),
    ],
)
def test_what_is_not_a_number_is_told_with_its_line(entries, said):
    faults: list[Fault] = []
    values.number(text(*entries), "x", faults)

    assert [fault.key for fault in faults] == ["x"]
    assert said in faults[0].says


def test_yes_and_no_have_several_spellings():
    faults: list[Fault] = []

    found = values.boolean(text("1", "yes", "TRUE", "0.0", "No", "f", None), "x", faults)

    np.testing.assert_array_equal(found, [1, 1, 1, 0, 0, 0, np.nan])
    assert not faults
    values.boolean(text("2"), "x", faults)
    assert faults[0].says == "1 value on line 2: '2' is neither yes nor no"


def test_a_level_that_is_not_listed_is_told():
    _, _, surgical, _ = columns(table_study())
    faults: list[Fault] = []

    found = values.level(text("surgical", "other", None, "icu"), surgical, LEVELS, faults)

    np.testing.assert_array_equal(found, [1, 0, np.nan, np.nan])
    assert faults[0].key == "ward"
    assert faults[0].says == "1 value on line 5: 'icu' is not one of medical, surgical, other"


def test_a_level_that_is_a_number_may_be_written_with_a_point():
    _, _, surgical, _ = columns(table_study())
    faults: list[Fault] = []

    values.level(text("1.0", "2", "3.00"), surgical, ("1", "2", "3"), faults)
    assert not faults
    values.level(text("1.5"), surgical, ("1", "2", "3"), faults)
    assert faults


def test_an_outcome_above_a_number_leaves_missing_ones_missing():
    faults: list[Fault] = []

    found = values.outcome(text("0", "1", "4", None), Target(above=1.0), "num", faults)

    np.testing.assert_array_equal(found, [0, 0, 1, np.nan])
    assert not faults


def test_folds_are_named_in_any_case_and_must_be_there():
    faults: list[Fault] = []

    assert values.folds(text("train", "Test", "VALIDATION"), faults).tolist() == [0, 2, 1]
    assert not faults
    values.folds(text("train", "val", None), faults)
    assert faults[0].says.startswith("2 values, the first on line 3: 'val' is not one of train")
