"""Reading by DuckDB gives what reading by text gives, bit for bit, or leaves it to the text."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.columns import Column
from modelward.core.faults import Fault
from modelward.readers.dataset import Source
from modelward.readers.opt_out import OptOut
from modelward.readers.tables import values
from modelward.readers.tables.cells import Ask, cells, distinct
from modelward.readers.tables.text_columns import text_columns

LEVELS = ("never", "former", "2")
WORDS = {"nie": "never", "weg": "", "12": "7"}
TEXTS = st.one_of(
    st.text("0123456789.eE+-_ ,", max_size=7),
    st.floats(allow_nan=True).map(repr),
    st.sampled_from(["nie", "weg", "2.0", "nan", "inf", "1_0", "+-1", "TRUE", "Yes", "n", "NA",
                     "never", "former", "2", "0x1F", "\u017f", "\u0661", "1e400", "", "12"]),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=12), decimal=st.sampled_from([".", ","]))
def test_a_column_is_read_as_by_text_or_not_at_all(tmp_path_factory, texts, decimal):
    path = tmp_path_factory.mktemp("cells") / "t.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter="|", quoting=csv.QUOTE_ALL)
        writer.writerows([["id", "v"], *([str(n), text] for n, text in enumerate(texts))])
    source = Source(kind="table", path="t.csv", patient="id", decimal=decimal)
    asks = {
        "number": Ask("v", "number", words=WORDS),
        "boolean": Ask("v", "boolean", words=WORDS),
        "level": Ask("v", "level", LEVELS, WORDS),
    }

    found = cells(path, asks, source, None, named=True)

    text = text_columns(path, ["v"])["v"]
    text = np.array([None if t is None else WORDS.get(t, t) or None for t in text], object)
    faults: dict[str, list[Fault]] = {name: [] for name in asks}
    by_text = {
        "number": values.number(text, "v", faults["number"], decimal=decimal),
        "boolean": values.boolean(text, "v", faults["boolean"]),
    }
    assert found.repeated == 0
    assert found.patients is not None
    assert list(found.patients) == [str(n) for n in range(len(texts))]
    for name, expected in by_text.items():
        assert (name in found.read) == (not faults[name])
        if name in found.read:
            assert found.read[name].tobytes() == expected.tobytes()
    if "level" in found.read:
        for place, level in enumerate(LEVELS):
            column = Column("v", "v", level, 0, 1, standardise=False)
            expected = values.level(text, column, LEVELS, faults["level"])
            codes = found.read["level"]
            by_code = np.where(np.isnan(codes), np.nan, codes == place)
            np.testing.assert_array_equal(by_code, expected)
        assert not faults["level"]


def test_values_of_who_opted_out_are_not_read_and_others_are(tmp_path):
    (tmp_path / "t.csv").write_text("id,v\nA,oops\nB,2\n,3\nB,4\n")
    source = Source(kind="table", path="t.csv", patient="id")

    found = cells(tmp_path / "t.csv", {"v": Ask("v", "number")}, source,
                  OptOut(frozenset({"A", "Z"})), named=False)  # fmt: skip

    np.testing.assert_array_equal(found.read["v"], [np.nan, 2, 3, 4])
    assert found.out is not None
    assert found.out.tolist() == [True, False, False, False]
    assert found.repeated == 2  # one repeats B, one names nobody
    assert found.patients is None


@pytest.mark.parametrize(("given", "expected"), [([], 0), ([5], 1), ([3, 1, 3, 2, 1], 3)])
def test_distinct_values_are_counted(given, expected):
    assert distinct(np.array(given, np.uint64)) == expected
