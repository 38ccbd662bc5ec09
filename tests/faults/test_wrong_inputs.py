"""Wrong inputs by the real command: one clear error, an exit code, nothing half-written."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from modelward import errors
from modelward.errors import ModelwardError
from tests.command import Ended, modelward
from tests.studies import AVERAGED, HEADING, IMAGES, TABLE, rows, write_csv, write_images


def simulate(folder: Path, data: str = "data.csv", *words: object) -> Ended:
    """Simulate folder/study.toml on folder/`data`."""
    how = words or ("--by", "hospital", "--patient", "patient")
    return modelward(
        "study", "simulate", "study.toml", "--data", data, *how, "--out", "run", cwd=folder
    )


def prepare(folder: Path, study: str = TABLE, lines: list[str] | None = None) -> Path:
    """Write a study and its data; 240 patients of three hospitals unless told otherwise."""
    (folder / "study.toml").write_text(study)
    write_csv(folder / "data.csv", rows(240) if lines is None else lines)
    return folder


def check_error(found: Ended, error: type[ModelwardError], *said: str) -> None:
    """Hold what was printed to the form of every error."""
    assert found.returncode == error.exit_code, found.stderr
    assert found.stdout == ""
    assert "Traceback" not in found.stderr
    *what, why, remedy = found.stderr.strip().splitlines()
    assert what
    assert why.startswith("  because ")
    assert remedy.startswith("  try     ")
    for sentence in said:
        assert sentence in found.stderr


def check_clean(folder: Path) -> None:
    """No marker of a run, no model, no ledger, nothing unfinished."""
    left = [path.name for path in folder.rglob("*")]
    assert "run.json" not in left
    assert not [n for n in left if n.endswith((".part", ".safetensors")) or n == "ledger"]


def changed(lines: list[str], number: int, column: int, value: str) -> list[str]:
    """Return `lines` with one cell of line `number` (the heading is line 1) replaced."""
    cells = lines[number - 2].split(",")
    cells[column] = value
    return [*lines[: number - 2], ",".join(cells), *lines[number - 1 :]]


def test_a_wrong_study_file_is_told_before_the_data_are_read(tmp_path):
    prepare(tmp_path, TABLE.replace("rounds = 8", "ronds = 8").replace('unit = "a"', ""))

    found = simulate(tmp_path)

    check_error(
        found,
        errors.StudyFileError,
        "study.toml: 2 faults",
        "plan.ronds: there is no such key; did you mean 'rounds'?",
        "features.age.unit: is missing",
    )
    assert not (tmp_path / "run").exists()


def test_a_missing_column_is_told_with_the_nearest(tmp_path):
    prepare(tmp_path)
    write_csv(tmp_path / "data.csv", rows(240), HEADING.replace("smoker", "smoking"))

    found = simulate(tmp_path)

    check_error(found, errors.DataError, "smoker: no such column; did you mean 'smoking'?")
    check_clean(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (2, "old", "age: 1 value on line 7: 'old' is not a number"),
        (2, '"61,5"', "age: 1 value on line 7: '61,5' is not a number (decimal comma"),
        (2, "nan", "age: 1 value on line 7: 'nan' is not a finite number"),
        (2, "inf", "age: 1 value on line 7: 'inf' is not a finite number"),
        (4, "icu", "ward: 1 value on line 7: 'icu' is not one of medical, surgical, other"),
        (5, "2", "ill: 1 value on line 7: '2' is neither yes nor no"),
    ],
)
def test_a_value_that_cannot_be_read_is_told_with_its_line(tmp_path, column, value, said):
    prepare(tmp_path, lines=changed(rows(240), 7, column, value))

    check_error(simulate(tmp_path), errors.DataError, said)
    check_clean(tmp_path)


@pytest.mark.parametrize("label", ["0", "1"])
def test_labels_that_are_all_equal_teach_nothing(tmp_path, label):
    lines = [f"{line[:-1]}{label}" for line in rows(240)]
    prepare(tmp_path, lines=lines)

    check_error(simulate(tmp_path), errors.DataError, "training labels of 'ill' are equal")
    check_clean(tmp_path)


def test_a_table_of_headings_only_is_refused(tmp_path):
    prepare(tmp_path, lines=[])

    check_error(simulate(tmp_path), errors.DataError, "nobody is left to train on")
    check_clean(tmp_path)


@pytest.mark.parametrize(("least", "what"), [(200, "rows"), (70, "training units")])
def test_too_many_sites_below_the_minimum_are_named(tmp_path, least, what):
    prepare(tmp_path, TABLE.replace("min_patients = 10", f"min_patients = {least}"))

    found = simulate(tmp_path)

    check_error(found, errors.DataError, f"0 of 3 sites have {least} {what}", "north has ")
    check_clean(tmp_path)
    (tmp_path / "study.toml").write_text(TABLE)
    assert simulate(tmp_path).returncode == 0, "what the error advises must work"


def test_fewer_sites_than_the_study_asks_for_are_told_to_be_more(tmp_path):
    prepare(tmp_path, TABLE + "\n[sites]\nminimum = 4\n")

    found = simulate(tmp_path)

    check_error(
        found, errors.DataError, "3 of 3 sites have 10", "to more sites, or lower [sites]"
    )


def test_one_site_below_the_minimum_sits_out_and_is_named_in_the_report(tmp_path):
    few = [line for line in rows(240) if not line.startswith("west")] + [
        line for line in rows(240) if line.startswith("west")
    ][:12]
    prepare(tmp_path, lines=few)

    found = simulate(tmp_path)

    assert found.returncode == 0, found.stderr
    report = (tmp_path / "run" / "report" / "report.txt").read_text()
    assert "west: its gate refused at least one answer" in report
    assert "Two of three simulated hospitals learned one model together" in report
    assert "In no round of this model: west." in report
    assert "west: in no round of the model" in found.stdout


def test_a_patient_in_two_rows_is_refused(tmp_path):
    prepare(tmp_path, lines=[*rows(240), rows(240)[0]])

    check_error(simulate(tmp_path), errors.DataError, "patient: 1 row repeats a patient")
    check_clean(tmp_path)


@pytest.mark.parametrize("place", ["run", "run/sub"])
def test_a_file_in_the_way_of_the_folder_is_told(tmp_path, place):
    prepare(tmp_path)
    (tmp_path / "run").write_text("in the way")

    found = modelward(
        "study", "simulate", "study.toml", "--data", "data.csv", "--by", "hospital",
        "--out", place, cwd=tmp_path,
    )  # fmt: skip

    check_error(found, errors.StorageError, "cannot be written", "choose a folder that you may")
    assert (tmp_path / "run").read_text() == "in the way"


@pytest.mark.parametrize("name", ["data.parquet", "data.csv"])
def test_a_damaged_table_is_refused(tmp_path, name):
    prepare(tmp_path)
    if name == "data.parquet":
        duckdb.execute(f"COPY (FROM '{tmp_path}/data.csv') TO '{tmp_path}/{name}'")
        raw = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(raw[: len(raw) // 2])
    else:
        (tmp_path / name).write_bytes(b"\xff\xfe\x00" * 500)

    check_error(simulate(tmp_path, name), errors.DataError, f"{name}: ")
    check_clean(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_damaged_archive_is_refused(tmp_path, share):
    (tmp_path / "study.toml").write_text(IMAGES)
    path = write_images(tmp_path / "data.npz", 100)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])

    found = simulate(tmp_path, "data.npz", "--sites", 2)

    check_error(found, errors.DataError, "cannot be read as a NumPy archive")
    check_clean(tmp_path)


def test_images_of_another_size_are_refused(tmp_path):
    (tmp_path / "study.toml").write_text(IMAGES)
    np.savez(tmp_path / "data.npz", images=np.zeros((9, 28, 28), np.uint8), labels=[0] * 9)

    found = simulate(tmp_path, "data.npz", "--sites", 2)

    check_error(found, errors.DataError, "uint8[9, 28, 28], the study asks for uint8[n")
    check_clean(tmp_path)


@pytest.mark.parametrize("words", [("--by", "clinic"), ("--sites", 3)])
def test_data_that_are_not_there_are_told(tmp_path, words):
    prepare(tmp_path)

    check_error(simulate(tmp_path, "absent.csv", *words), errors.DataError, "absent.csv")
    check_clean(tmp_path)


def test_a_column_to_split_by_that_is_not_there_is_told(tmp_path):
    prepare(tmp_path)

    found = simulate(tmp_path, "data.csv", "--by", "hospitl")

    check_error(found, errors.DataError, "hospitl: no such column; did you mean 'hospital'?")
    check_clean(tmp_path)


def test_a_study_without_test_units_gets_no_report(tmp_path):
    prepare(tmp_path, TABLE.replace("test = 0.25", "test = 0.0"))

    check_error(simulate(tmp_path), errors.DataError, "there are no test units")
    check_clean(tmp_path)


def test_training_that_diverges_is_told_with_the_site(tmp_path):
    prepare(tmp_path, AVERAGED.replace("rounds = 3", "rounds = 3\nlr = 1e30\nlocal_epochs = 9"))

    found = simulate(tmp_path)

    check_error(found, errors.TrainingFailed, "plan.lr")
    assert found.stderr.strip().startswith(("north: ", "south: ", "west: "))


def test_a_run_that_is_not_there_is_told(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    for folder in ("absent", "broken"):
        for words in (("study", "run"), ("model", "export"), ("study", "report")):
            check_error(
                modelward(*words, folder, cwd=tmp_path),
                errors.RunMismatch,
                f"{folder} holds no",
            )


def test_a_model_that_is_not_there_is_told(tmp_path):
    write_csv(tmp_path / "data.csv", rows(5))
    found = modelward("model", "predict", "m.safetensors", "--data", "data.csv", cwd=tmp_path)

    check_error(found, errors.BadArtifact, "m.safetensors cannot be read")
    assert not (tmp_path / "predictions.csv").exists()


def test_a_ledger_that_is_not_there_is_told(tmp_path):
    check_error(modelward("ledger", "verify", "absent", cwd=tmp_path), errors.LedgerBroken)


def test_a_template_is_not_written_over_a_file(tmp_path):
    (tmp_path / "study.toml").write_text("mine")

    check_error(modelward("study", "new", cwd=tmp_path), errors.StudyFileError, "exists")
    assert (tmp_path / "study.toml").read_text() == "mine"
