"""Patients who opted out are gone before anything else is read of them."""

from pathlib import Path

import numpy as np
import pytest

from modelward.core.study import Study
from modelward.errors import DataError
from modelward.readers.cohort import Cohort
from modelward.readers.open import open_cohort
from tests.studies import IMAGES, rows, table_study, write_csv, write_images

STUDY = table_study()
IMAGE_STUDY = table_study(IMAGES)


def site(folder: Path, opt_out: str | None, table: list[str] | None = None) -> Path:
    """Write a site of forty patients with the list `opt_out`; return its dataset.toml."""
    write_csv(folder / "data.csv", rows(40) if table is None else table)
    named = "" if opt_out is None else 'opt_out = "no.txt"\n'
    if opt_out is not None:
        (folder / "no.txt").write_text(opt_out, "utf-8")
    file = folder / "dataset.toml"
    file.write_text(
        f'[dataset]\nkind = "table"\npath = "data.csv"\npatient = "patient"\n{named}'
    )
    return file


def archive(folder: Path, study: Study, patients: object) -> Cohort:
    """Read twenty images, two of each of ten patients, of whom p3 and p9 opted out."""
    path = write_images(folder / "d.npz", 20)
    with np.load(path) as whole:
        arrays = dict(whole)
    if patients is not None:
        arrays["patients"] = patients
    np.savez(path, **arrays)
    (folder / "no.txt").write_text("p3\np9\n")
    file = folder / "dataset.toml"
    file.write_text('[dataset]\nkind = "arrays"\npath = "d.npz"\nopt_out = "no.txt"\n')
    return open_cohort(file, study)


def test_a_listed_patient_is_left_out_and_counted(tmp_path):
    whole = open_cohort(site(tmp_path, None), STUDY)
    cohort = open_cohort(site(tmp_path, "p00007\n# asked in May\n\n  p00031 \n"), STUDY)

    assert (whole.opted_out, cohort.opted_out) == (None, 2)
    assert set(whole.ids) - set(cohort.ids) == {"p00007", "p00031"}
    kept = [unit in set(cohort.ids) for unit in whole.ids]
    assert np.array_equal(cohort.x, whole.x[kept])
    assert np.array_equal(cohort.folds, whole.folds[kept])
    assert cohort.notes == ("2 of 40 units left out: their patients opted out.",)


def test_no_value_of_a_listed_patient_is_looked_at(tmp_path):
    table = rows(40)
    table[7] = "north,p00007,not an age,maybe,unheard of,perhaps"
    table[9] = "north,p00009,not an age,0,medical,0"

    with pytest.raises(DataError) as caught:
        open_cohort(site(tmp_path, "p00007\n", table), STUDY)
    told = caught.value.what
    table[9] = rows(40)[9]

    assert "1 value on line 11: 'not an age'" in told  # its own line, and line 9 is not there
    assert "maybe" not in told
    assert len(open_cohort(site(tmp_path, "p00007\n", table), STUDY).y) == 39


def test_a_list_of_which_nobody_is_found_is_remarked_on(tmp_path):
    cohort = open_cohort(site(tmp_path, "P00007\n7\n"), STUDY)

    assert cohort.opted_out == 0
    assert cohort.notes == ("None of the 2 ids on the opt-out list is in the data.",)


@pytest.mark.parametrize("kind", [str, bytes])
def test_every_image_of_a_listed_patient_is_left_out(tmp_path, kind):
    patients = np.array([f"p{number // 2}" for number in range(20)]).astype(kind)

    cohort = archive(tmp_path, IMAGE_STUDY, patients)

    assert cohort.opted_out == 4
    assert {f"p{number}" for number in range(10)} - set(cohort.ids) == {"p3", "p9"}
    assert len(cohort.x) == len(cohort.y) == len(cohort.folds) == 16


@pytest.mark.parametrize("patients", [None, np.array(["p3"])])
def test_images_without_patients_are_refused_where_there_is_a_list(tmp_path, patients):
    with pytest.raises(DataError, match="patients: is missing, and an opt-out list needs it"):
        archive(tmp_path, IMAGE_STUDY, patients)


def test_a_table_without_patients_is_refused_where_there_is_a_list(tmp_path):
    file = site(tmp_path, "p00007\n")
    file.write_text(file.read_text().replace('patient = "patient"\n', ""))

    with pytest.raises(DataError, match=r"dataset\.patient: is missing"):
        open_cohort(file, STUDY)


def test_a_list_that_is_not_there_is_not_an_empty_list(tmp_path):
    file = site(tmp_path, "p00007\n")
    (tmp_path / "no.txt").unlink()

    with pytest.raises(DataError, match=r"no\.txt: 1 fault"):
        open_cohort(file, STUDY)
