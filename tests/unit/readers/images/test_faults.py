"""Faults of images and of what is joined to them: found by the check, under the right name."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.readers.checking.readiness import check
from modelward.readers.open import open_cohort
from modelward.study.read import parse
from tests.kinds import patients
from tests.pictures import STUDY, as_source, dicom_file, nifti_file, picture, write_site

PEOPLE = patients(60)
TODAY = date(2026, 1, 1)
Edit = Callable[[Path], None]


def settings(old: str, new: str) -> Edit:
    def edit(site: Path) -> None:
        text = (site / "dataset.toml").read_text()
        assert old in text, f"nothing to replace: {old!r}"
        (site / "dataset.toml").write_text(text.replace(old, new))

    return edit


def files(change: Callable[[Path], None], share: int = 1) -> Edit:
    """Change every `share`-th image file."""

    def edit(site: Path) -> None:
        found = sorted(f for f in (site / "images").rglob("*") if f.is_file())
        for file in found[::share]:
            change(file)

    return edit


def rewritten(file: Path) -> None:
    file.write_text("notes")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def dicom_as(**changed: object) -> Edit:
    """Write every file again with other elements."""

    def change(file: Path) -> None:
        import pydicom

        ds = pydicom.dcmread(file)
        for name, value in changed.items():
            setattr(ds, name, value)
        ds.save_as(file)

    return files(change)


def two_ids(site: Path) -> None:
    """File the pictures of one in three patients under another id as well."""
    for file in sorted((site / "images").iterdir())[::3]:
        other = file.with_name("77" + file.name)
        shutil.copy(file, other)
    labels = site / "records" / "daten.csv"
    lines = labels.read_text("latin-1").splitlines()
    labels.write_text(
        "\n".join([*lines, *("77" + line for line in lines[1:])]) + "\n", "latin-1"
    )


def no_direction(site: Path) -> None:
    for person in PEOPLE:
        for ending in (".nii", ".nii.gz"):
            file = site / "images" / f"{person.name}_T1{ending}"
            if file.exists():
                nifti_file(file, picture(person), codes=(0, 0))


def flat(site: Path) -> None:
    for place, person in enumerate(PEOPLE):
        where = site / "images" / str(place % 7) / f"case {place}"
        for slice_ in range(3):
            values = np.full((36, 30), 500, np.int16)
            dicom_file(where / f"IM{3 - slice_}.dcm", person.name, values, slice_)


def link(text: str) -> Edit:
    def edit(site: Path) -> None:
        (site / "ids.csv").write_text(text)
        settings('path = "records/cdm"\n', 'path = "records/cdm"\nlink = "ids.csv"\n')(site)

    return edit


ERRORS: list[tuple[str, str, Edit, str, str]] = [
    ("dicom", "all of another modality", dicom_as(Modality="CT"), "images",
     "180 files: its modality is CT, the study asks for MR"),
    ("dicom", "all in another plane", dicom_as(ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
     "images", "its view is coronal, the study asks for axial"),
    ("dicom", "all cut off", files(cut), "cohort", "about 0 units"),
    ("dicom", "all with text burned in", dicom_as(BurnedInAnnotation="YES"), "images",
     "says that text is burned into its pixels"),
    ("dicom", "patients unnamed", dicom_as(PatientID=""), "images",
     "nothing says whose image it is"),
    ("dicom", "wrong patient key", dicom_as(PatientID="X"), "cohort", "about 0 units"),
    ("dicom", "folder gone", settings('"images"', '"imges"'), "data",
     "there is no such folder"),
    ("dicom", "folder of something else", files(rewritten), "images",
     "180 files: it is no DICOM file"),
    ("dicom", "no outcome at all", settings("[sources", "[quellen"), "quellen",
     "there is no such key"),
    ("dicom", "code of the outcome absent",
     lambda site: (site / "records" / "cdm" / "CONDITION_OCCURRENCE.csv").unlink(), "cohort",
     "about 0 units"),
    ("dicom", "link with two ids for one", link("a,b\n1,1\n1,2\n"), "link",
     "1 lines repeat an id of the first column"),
    ("dicom", "link of three columns", link("a,b,c\n1,1,1\n"), "link", "has 3 columns"),
    ("dicom", "link that knows nobody", link("a,b\nx,y\n"), "cohort", "about 0 units"),
    ("dicom", "series that no file has",
     settings("[sources", '[images]\nseries = "T9"\n[sources'), "images",
     "its series is not one of"),
    ("nifti", "modality not said", settings('[images]\nmodality = "MR"\n', ""),
     "images.modality", "NIfTI files do not say it"),
    ("nifti", "modality of something else", settings('"MR"', '"PT"'), "images.modality",
     "is PT, the study asks for MR"),
    ("nifti", "no directions", no_direction, "images", "does not say how the volume lies"),
    ("nifti", "all cut off", files(cut), "cohort", "about 0 units"),
    ("nifti", "pattern without a group",
     settings('"MR"\n', "\"MR\"\npatient = '(.*)_T1'\n"), "images.patient", "no group"),
    ("nifti", "images joined to images",
     settings('kind = "meds"', 'kind = "nifti"'), "sources.records.dataset.kind",
     "images come first"),
    ("nifti", "outcome from a folder that is gone", settings('"records/meds"', '"records/mds"'),
     "data", "there is no .parquet file"),
]  # fmt: skip

WARNINGS: list[tuple[str, str, Edit, str, str]] = [
    ("dicom", "some cut off", files(cut, 10), "images", "files are damaged"),
    ("dicom", "nothing to be seen", flat, "images", "58 of 58 images are of one shade"),
    ("nifti", "some cut off", files(cut, 10), "images", "files are damaged"),
    ("nifti", "filed under two ids", two_ids, "patient", "equal one of another patient"),
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a site of each kind that has no fault, to be copied."""
    folder = tmp_path_factory.mktemp("whole")
    sites = {"dicom": "omop", "nifti": "meds", "wide": "wide"}
    return {
        kind: write_site(
            folder / kind, "nifti" if kind == "wide" else kind, labels, PEOPLE
        ).parent
        for kind, labels in sites.items()
    }


def broken(whole: dict[str, Path], folder: Path, kind: str, edit: Edit) -> Path:
    """Copy a site, damage it, and return its dataset.toml."""
    site = folder / "site"
    shutil.copytree(whole["wide" if edit is two_ids else kind], site)
    edit(site)
    return site / "dataset.toml"


def names(faults: list[tuple[str, str, Edit, str, str]]) -> list[str]:
    return [f"{kind}: {name}" for kind, name, *_ in faults]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ERRORS, ids=names(ERRORS))
def test_a_fault_of_images_blocks_and_is_not_trained_on(whole, tmp_path, fault):
    kind, _, edit, key, says = fault
    file = broken(whole, tmp_path, kind, edit)

    found = check(file, parse(STUDY), TODAY)

    assert not found.ready
    told = [f"{f.key}: {f.says}" for f in found.findings if f.level == "error"]
    assert any(line.startswith(key) and says in line for line in told), told
    try:
        cohort = open_cohort(file, parse(STUDY))
    except DataError:
        return
    assert len(cohort.y) == 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", WARNINGS, ids=names(WARNINGS))
def test_what_somebody_should_see_is_a_warning(whole, tmp_path, fault):
    kind, _, edit, key, says = fault
    file = broken(whole, tmp_path, kind, edit)

    found = check(file, parse(STUDY), TODAY)
    accepted = check(file, parse(STUDY), TODAY, accepted=(key, "readmitted"))

    told = [f"{f.key}: {f.says}" for f in found.findings if f.level == "warning"]
    assert any(line.startswith(key) and says in line for line in told), told
    assert not found.ready
    assert accepted.ready, accepted.findings


def test_images_without_an_outcome_are_left_out_and_counted(tmp_path):
    file = write_site(tmp_path / "site", "nifti", "wide", PEOPLE)
    labels = tmp_path / "site" / "records" / "daten.csv"
    lines = labels.read_text("latin-1").splitlines()
    labels.write_text("\n".join(lines[:51]) + "\n", "latin-1")

    cohort = open_cohort(file, parse(STUDY))

    assert len(cohort.y) == 50
    assert any("10 of 60 rows left out: no known outcome" in note for note in cohort.notes)


@pytest.mark.slow
def test_who_opted_out_is_not_even_decoded(tmp_path):
    file = write_site(tmp_path / "site", "dicom", "omop", PEOPLE)
    text = file.read_text().replace("[dataset]\n", '[dataset]\nopt_out = "out.txt"\n', 1)
    file.write_text(text)
    (tmp_path / "site" / "out.txt").write_text(f"{PEOPLE[0].name}\n{PEOPLE[1].name}\n")
    for place in (0, 1):
        for image in (tmp_path / "site" / "images" / f"{place}" / f"case {place}").iterdir():
            image.write_bytes(
                image.read_bytes()[:-900]
            )  # would be a warning if it were looked at

    found = check(file, parse(STUDY), TODAY, accepted=("readmitted",))
    cohort = open_cohort(file, parse(STUDY))

    assert found.ready
    assert cohort.opted_out == 2
    assert not {PEOPLE[0].name, PEOPLE[1].name} & set(cohort.ids)


@pytest.mark.slow
def test_ids_of_another_system_are_linked(tmp_path):
    file = write_site(tmp_path / "site", "dicom", "omop", PEOPLE)
    plain = open_cohort(file, parse(STUDY))
    renamed = [replace(person, name=f"{int(person.name) + 5000}") for person in PEOPLE]
    file = write_site(tmp_path / "other", "dicom", "omop", PEOPLE)
    shutil.rmtree(tmp_path / "other" / "records")
    (tmp_path / "other" / "records").mkdir()
    from tests.kinds import write_omop

    source = as_source(write_omop(tmp_path / "other" / "records", renamed), "records")
    pairs = [f"{new.name},{old.name}" for new, old in zip(renamed, PEOPLE, strict=True)]
    (tmp_path / "other" / "ids.csv").write_text("\n".join(["ehr,pacs", *pairs]) + "\n")
    source = source.replace('cdm"\n', 'cdm"\nlink = "ids.csv"\n')
    file.write_text('[dataset]\nkind = "dicom"\npath = "images"\n' + source)

    found = open_cohort(file, parse(STUDY))

    assert found.ids == plain.ids
    assert found.x.tobytes() == plain.x.tobytes()
    assert np.array_equal(found.y, plain.y)


def test_a_table_may_name_images_and_not_patients(tmp_path):
    text = STUDY
    for old, new in (
        ("min_patients = 10", 'min_patients = 1\nunit = "image"'),
        ('[cohort.index]\ncode = ["SNOMED:22298006"]\n', ""),
        ('code = ["SNOMED:32485007"]\nwindow = [1, 30]\n', ""),
        ("grey =", 'pick = "middle"\ngrey ='),
    ):
        text = text.replace(old, new)
    study = parse(text)
    (tmp_path / "images" / "x").mkdir(parents=True)
    for name, person in zip("abc", PEOPLE, strict=False):
        nifti_file(tmp_path / "images" / "x" / f"sub-1_{name}.nii.gz", picture(person))
    (tmp_path / "labels.csv").write_text("file,readmitted\nsub-1_a,1\nsub-1_c.nii.gz,0\nz,1\n")
    (tmp_path / "dataset.toml").write_text(
        '[dataset]\nkind = "nifti"\npath = "images"\n[images]\nmodality = "MR"\n'
        '[sources.t.dataset]\nkind = "table"\npath = "labels.csv"\nimage = "file"\n'
    )

    cohort = open_cohort(tmp_path / "dataset.toml", study)

    assert cohort.y.tolist() == [1, 0]
    assert cohort.ids == ("sub-1", "sub-1")
    assert cohort.owner is not None
    assert cohort.owner.tolist() == [0, 0]
