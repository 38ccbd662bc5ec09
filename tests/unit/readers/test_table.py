"""Tables are read by the study's rules; every fault is told at once, with its line."""

import time
from pathlib import Path

import duckdb
import numpy as np
import pytest

from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset, Source
from modelward.readers.tables.table import read_features, read_table
from modelward.readers.tables.text_columns import headings, text_columns
from tests.studies import TABLE, rows, table_study, write_csv

STUDY = table_study()
HEADING = "patient,age,smoker,ward,ill"
FOUR = ["a,50,1,surgical,1", "b,61.5,0,medical,0", "c,40,yes,other,no", "d,90,0,medical,1"]


def dataset(
    path: Path, *, patient: str | None = None, split: str | None = None, **columns: str
) -> Dataset:
    """What dataset.toml would say of the file at `path`."""
    source = Source(kind="table", path=path.name, patient=patient, split=split)
    return Dataset(dataset=source, columns=columns)


def read_lines(
    tmp_path: Path, lines: list[str], study: Study = STUDY, **special: str
) -> Cohort:
    """Write `lines` below the usual heading and read them."""
    heading = HEADING + (",split" if "split" in special else "")
    path = write_csv(tmp_path / "data.csv", lines, heading)
    return read_table(path, dataset(path, **special), study)


def write_parquet(path: Path, query: str) -> None:
    """Write what `query` selects."""
    duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")


def faults(tmp_path: Path, lines: list[str], study: Study = STUDY, **special: str) -> list[str]:
    """Return the lines of the error with which `lines` are refused."""
    with pytest.raises(DataError) as caught:
        read_lines(tmp_path, lines, study, **special)
    assert str(tmp_path / "data.csv") in caught.value.what
    return [line.strip() for line in caught.value.what.splitlines()[1:]]


def test_rows_become_the_columns_of_the_study(tmp_path):
    cohort = read_lines(tmp_path, FOUR)

    assert cohort.x.tolist() == [
        [50.0, 1.0, 1.0, 0.0],
        [61.5, 0.0, 0.0, 0.0],
        [40.0, 1.0, 0.0, 1.0],
        [90.0, 0.0, 0.0, 0.0],
    ]
    assert cohort.y.tolist() == [1, 0, 0, 1]
    assert cohort.notes == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_is_found(tmp_path, delimiter):
    path = tmp_path / "data.csv"
    path.write_text("\n".join([HEADING, *FOUR]).replace(",", delimiter) + "\n")

    assert np.array_equal(
        read_table(path, dataset(path), STUDY).x, read_lines(tmp_path, FOUR).x
    )


def test_parquet_gives_what_csv_gives(tmp_path):
    cohort = read_lines(tmp_path, FOUR)
    path = tmp_path / "data.parquet"
    write_parquet(
        path,
        "SELECT * FROM (VALUES ('a', 50.0, true, 'surgical', 1), "
        "('b', 61.5, false, 'medical', 0), ('c', 40.0, true, 'other', 0), "
        "('d', 90.0, false, 'medical', 1)) t(patient, age, smoker, ward, ill)",
    )

    found = read_table(path, dataset(path), STUDY)

    assert np.array_equal(found.x, cohort.x)
    assert np.array_equal(found.y, cohort.y)
    assert headings(path) == ["patient", "age", "smoker", "ward", "ill"]


def test_headings_are_mapped_and_columns_may_be_in_any_order(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text('ill,"Age, years",ward,SMOKES\n1,50,surgical,1\n')

    found = read_table(path, dataset(path, age="Age, years", smoker="SMOKES"), STUDY)

    assert found.x.tolist() == [[50.0, 1.0, 1.0, 0.0]]


def test_missing_texts_blanks_and_values_out_of_range_are_missing(tmp_path):
    study = table_study(TABLE, ('unit = "a"', 'unit = "a"\nmax_missing = 1.0'))

    ages = ["", " ", "NA", "?", "null", "-1", "111", " 50 "]
    cohort = read_lines(tmp_path, [f"{n},{age},1,other,1" for n, age in enumerate(ages)], study)

    assert np.isnan(cohort.x[:7, 0]).all()
    assert cohort.x[7, 0] == 50


def test_texts_that_mean_missing_are_the_sites_to_name(tmp_path):
    path = write_csv(tmp_path / "data.csv", ["a,-9,1,other,1", "b,50,1,other,1"], HEADING)
    source = Source(kind="table", path=path.name, missing=("-9",))
    study = table_study(TABLE, ('unit = "a"', 'unit = "a"\nmax_missing = 0.5'))

    found = read_table(path, Dataset(dataset=source), study)

    assert np.isnan(found.x[0, 0])


def test_a_row_without_outcome_is_left_out_and_counted(tmp_path):
    cohort = read_lines(tmp_path, [*FOUR, "e,50,1,other,", "f,50,1,other,NA"])

    assert len(cohort.y) == 4
    assert cohort.notes == ("2 of 6 rows left out: no known outcome.",)


def test_a_study_of_complete_records_leaves_the_others_out_and_counts_them(tmp_path):
    study = table_study(TABLE + "\n[cohort]\ncomplete = true\n")

    cohort = read_lines(tmp_path, [*FOUR, "e,,1,other,1", "f,50,1,,", "g,200,1,other,0"], study)

    assert len(cohort.y) == 4
    assert cohort.notes == (
        "1 of 7 rows left out: no known outcome.",
        "2 of 7 rows left out: a missing feature.",
    )


def test_more_missing_than_the_study_allows_is_a_fault(tmp_path):
    lines = ["a,,1,surgical,1", "b,,0,medical,0", "c,40,1,other,0", "d,90,0,medical,1"]

    assert faults(tmp_path, lines) == [
        "age: 50% missing or out of range, the study allows 25% (max_missing)"
    ]


def test_the_share_that_the_study_allows_is_allowed(tmp_path):
    assert len(read_lines(tmp_path, ["e,,1,other,1", *FOUR[1:]]).y) == 4


def test_every_fault_of_every_column_is_told_at_once(tmp_path):
    lines = ["a,old,1,surgical,1", "b,50,maybe,icu,0", "c,nan,1,icu,x"]

    assert faults(tmp_path, lines) == [
        "age: 1 value on line 2: 'old' is not a number "
        "(if it means missing, list it under `missing` in dataset.toml)",
        "age: 1 value on line 4: 'nan' is not a finite number "
        "(if it means missing, leave it empty or list it under `missing`)",
        "smoker: 1 value on line 3: 'maybe' is neither yes nor no",
        "ward: 2 values, the first on line 3: 'icu' is not one of medical, surgical, other",
        "ill: 1 value on line 4: 'x' is neither yes nor no",
    ]


def test_a_missing_column_is_told_with_the_nearest_one(tmp_path):
    path = write_csv(tmp_path / "data.csv", ["1,1,other,1"], "agee,smoker,ward,outcome")

    with pytest.raises(DataError) as caught:
        read_table(path, dataset(path), STUDY)

    assert "age: no such column; did you mean 'agee'?" in caught.value.what
    assert "ill: no such column; valid here: agee, outcome, smoker, ward" in caught.value.what


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "is empty: the first line of a table has its headings"),
        (b"PK\x03\x04\x14\x00\x06\x00" * 9, "is a workbook or another archive"),
        (
            b"age,smoker,ward,ill\n50,1,other,1\r\n40,0,other,0\r\n",
            "line 2: its lines end in two ways",
        ),
        (
            b"age,smoker,ward,ill\r\n50,1,other,1\r\n40,0,other,0\n",
            "line 3: its lines end in two ways",
        ),
    ],
    ids=["empty", "a workbook", "a heading that was edited", "a row that was added"],
)
def test_a_file_that_is_no_table_is_told_in_words_of_its_own(tmp_path, raw, fault):
    path = tmp_path / "data.csv"
    path.write_bytes(raw)

    with pytest.raises(DataError) as caught:
        read_table(path, dataset(path), STUDY)

    assert fault in caught.value.what


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([*FOUR, FOUR[0]], "patient: 1 row repeats a patient; one row per patient"),
        ([*FOUR, ",50,1,other,1"], "patient: 1 row names no patient, on line 6"),
    ],
)
def test_a_patient_is_one_row(tmp_path, lines, fault):
    assert faults(tmp_path, lines, patient="patient") == [fault]


def test_an_unknown_split_value_is_told(tmp_path):
    lines = [f"{line},{fold}" for line, fold in zip(FOUR, ["train", "val", "test", ""])]  # noqa: B905

    told = faults(tmp_path, lines, split="split")

    assert told == [
        "split: 2 values, the first on line 3: 'val' is not one of train, validation, test"
    ]


def test_folds_come_from_the_split_column(tmp_path):
    named = ["train", "test", "validation", "train"]
    lines = [f"{line},{fold}" for line, fold in zip(FOUR, named, strict=True)]

    assert read_lines(tmp_path, lines, split="split").folds.tolist() == [0, 2, 1, 0]


def test_folds_stay_with_the_patient_when_rows_are_added_above(tmp_path):
    known, added = rows(50), rows(50, seed=1, first=50)

    def folds(lines: list[str]) -> dict[str, int]:
        path = write_csv(tmp_path / "data.csv", lines)
        cohort = read_table(path, dataset(path, patient="patient"), STUDY)
        ids = [line.split(",")[1] for line in lines]
        return dict(zip(ids, cohort.folds.tolist(), strict=True))

    before, after = folds(known), folds([*added, *known])
    assert len(set(before.values())) > 1
    assert all(after[patient] == fold for patient, fold in before.items())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.csv", b""),
        ("data.csv", "age\n\xe4\n".encode("latin-1") * 50),
        ("data.csv", b"\x00\x01\x02"),
        ("data.parquet", b"PAR1 and nothing else"),
        ("data.parquet", b""),
    ],
    ids=["empty", "latin-1", "binary", "cut parquet", "empty parquet"],
)
def test_a_damaged_file_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_table(path, dataset(path), STUDY)

    assert caught.value.what.startswith(f"{path}: ")


def test_a_parquet_file_that_was_cut_is_refused(tmp_path):
    path = tmp_path / "data.parquet"
    write_parquet(path, "SELECT range AS age FROM range(10000)")
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(DataError, match="cannot be read"):
        text_columns(path, ["age"])
    with pytest.raises(DataError, match="cannot be read"):
        headings(path)


def test_a_table_of_headings_only_is_a_cohort_of_nobody(tmp_path):
    assert read_lines(tmp_path, [], patient="patient").x.shape == (0, 4)
    assert read_lines(tmp_path, [], split="split").x.shape == (0, 4)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        text_columns(tmp_path / "absent.csv", ["age"])


def test_a_name_with_quotes_and_brackets_is_a_name(tmp_path):
    path = tmp_path / "d[1] o'x.csv"
    path.write_text('"a ""b"" [c]",x\n1,2\n3,\n')

    assert text_columns(path, ['a "b" [c]', "x"])["x"].tolist() == ["2", None]


def test_new_data_need_no_outcome(tmp_path):
    path = write_csv(tmp_path / "new.csv", ["z,50,1,surgical"], "id,age,smoker,ward")

    ids, x = read_features(path, dataset(path, patient="id"), STUDY)

    assert (ids, x.tolist()) == (["z"], [[50.0, 1.0, 1.0, 0.0]])
    with pytest.raises(DataError, match="ward: no such column"):
        read_features(
            write_csv(tmp_path / "new.csv", ["50,1"], "age,smoker"), dataset(path), STUDY
        )


@pytest.mark.slow
def test_two_hundred_thousand_rows_are_read_in_seconds(tmp_path):
    path = write_csv(tmp_path / "data.csv", rows(200_000))

    began = time.process_time()
    cohort = read_table(path, dataset(path, patient="patient"), STUDY)

    assert time.process_time() - began < 8
    assert len(cohort.y) == 200_000


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_line_with_more_values_than_headings_is_named(tmp_path, separator):
    path = tmp_path / "data.csv"
    text = "\n".join([HEADING, *FOUR, "e,61,5,0,medical,0"]).replace(",", separator)
    path.write_text(text + "\n")

    with pytest.raises(DataError, match=r"line 6: 6 values under 5 headings"):
        read_table(path, dataset(path), STUDY)


def test_encounters_of_one_patient_are_numbered_alike_and_lie_in_one_fold(tmp_path):
    encounters = table_study(TABLE, ('id = "small"', 'id = "small"\nunit = "encounter"'))
    lines = [f"p{n // 3},50,1,surgical,{n % 2}" for n in range(30)]

    cohort = read_lines(tmp_path, lines, encounters, patient="patient")

    assert cohort.owner is not None
    assert cohort.owner.tolist() == [n // 3 for n in range(30)]
    assert len(set(zip(cohort.owner.tolist(), cohort.folds.tolist(), strict=True))) == 10


def test_a_patient_in_two_folds_is_refused(tmp_path):
    encounters = table_study(TABLE, ('id = "small"', 'id = "small"\nunit = "encounter"'))
    lines = ["a,50,1,surgical,1,train", "a,51,1,surgical,0,test", "b,52,0,other,1,train"]

    with pytest.raises(DataError, match="1 patients are in more than one fold"):
        read_lines(tmp_path, lines, encounters, patient="patient", split="split")


def test_files_as_excel_writes_them_are_read(tmp_path):
    windows = tmp_path / "windows.csv"
    windows.write_bytes("id;Größe;Wort\r\n1;1,5;„ja“ 5 €\r\n".encode("windows-1252"))
    marked = tmp_path / "marked.csv"
    marked.write_bytes('sep=;\r\nid;a\r\n1;"b;c"\r\n'.encode("utf-8-sig"))
    wrong = tmp_path / "wrong.csv"
    wrong.write_bytes(b"id;a\r\n1;\x81\r\n")

    assert headings(windows, "windows-1252") == ["id", "Größe", "Wort"]
    found = text_columns(windows, ["Größe", "Wort"], encoding="windows-1252")
    assert [list(column) for column in found.values()] == [["1,5"], ["„ja“ 5 €"]]
    assert text_columns(marked, ["id", "a"])["a"].tolist() == ["b;c"]
    with pytest.raises(DataError, match="not written in windows-1252"):
        text_columns(wrong, ["a"], encoding="windows-1252")


def test_the_copy_of_a_converted_file_is_gone_with_its_connection(tmp_path):
    path = tmp_path / "windows.csv"
    path.write_bytes(b"id;a\r\n1;\x80\r\n")
    before = len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        text_columns(path, ["a"], encoding="windows-1252")

    assert len(list(Path("/proc/self/fd").iterdir())) <= before
