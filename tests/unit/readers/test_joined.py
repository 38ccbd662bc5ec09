"""Several stores of the same patients give what one store of everything gives."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.readers.checking.readiness import check
from modelward.readers.open import open_cohort
from modelward.study.read import parse
from tests.kinds import CREATININE, GLUCOSE, KINDS, STUDY, Patient, patients, write_site
from tests.pictures import as_source

PEOPLE = patients(80)
TODAY = date(2026, 1, 1)
LABS = {CREATININE, GLUCOSE}


def only(people: Sequence[Patient], *, labs: bool) -> list[Patient]:
    """Return patients with their laboratory results alone, or with everything else."""
    return [
        replace(p, records=tuple(r for r in p.records if (r.code in LABS) == labs))
        for p in people
    ]


def write_joined(folder: Path, main: str, second: str, extra: str = "") -> Path:
    """Write a site whose laboratory is another store than the rest."""
    file = write_site(folder, main, only(PEOPLE, labs=False))
    (folder / "lab").mkdir()
    text = KINDS[second](folder / "lab", only(PEOPLE, labs=True))
    file.write_text(file.read_text() + as_source(text, "lab", "lab") + extra)
    return file


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return open_cohort(write_site(folder / "meds", "meds", PEOPLE), parse(STUDY))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("main", "second"),
    [("omop", "fhir"), ("fhir", "meds"), ("meds", "omop"), ("omop", "rows")],
)
def test_a_laboratory_apart_gives_the_same_cohort(tmp_path, whole, main, second):
    file = write_joined(tmp_path / "site", main, second)
    if second == "rows":  # its table of persons lies beside it
        text = file.read_text().replace('path = "patients.csv"', 'path = "lab/patients.csv"')
        file.write_text(text)

    found = open_cohort(file, parse(STUDY))

    assert found.ids == whole.ids
    assert found.x.tobytes() == whole.x.tobytes()
    assert np.array_equal(found.y, whole.y)
    assert np.array_equal(found.folds, whole.folds)


@pytest.mark.slow
def test_a_table_of_patients_gets_what_it_lacks_from_events(tmp_path, whole):
    site = tmp_path / "site"
    file = write_site(site, "wide", PEOPLE)
    (site / "lab").mkdir()
    source = as_source(KINDS["meds"](site / "lab", PEOPLE), "lab", "lab")
    text = file.read_text()
    for mapped in ('creatinine = "Krea"\n', 'glucose = "Glukose"\n'):
        text = text.replace(mapped, "")
    file.write_text(text + source)

    found = open_cohort(file, parse(STUDY))

    order = np.argsort(found.ids)
    assert tuple(np.array(found.ids)[order]) == whole.ids
    assert found.x[order].tobytes() == whole.x.tobytes()


def test_who_is_only_in_another_source_is_no_unit_of_the_study(tmp_path, whole):
    more = [*PEOPLE, *(replace(p, name=f"{9000 + n}") for n, p in enumerate(PEOPLE[:20]))]
    site = tmp_path / "site"
    file = write_site(site, "omop", only(PEOPLE, labs=False))
    (site / "lab").mkdir()
    source = as_source(KINDS["fhir"](site / "lab", only(more, labs=True)), "lab", "lab")
    file.write_text(file.read_text() + source)

    assert open_cohort(file, parse(STUDY)).ids == whole.ids


@pytest.mark.slow
def test_ids_of_a_laboratory_are_linked_and_who_opted_out_is_gone_from_it(tmp_path, whole):
    site = tmp_path / "site"
    file = write_site(site, "omop", only(PEOPLE, labs=False))
    (site / "lab").mkdir()
    renamed = [replace(p, name=f"{int(p.name) + 700}") for p in only(PEOPLE, labs=True)]
    source = as_source(KINDS["meds"](site / "lab", renamed), "lab", "lab")
    source = source.replace('path = "lab/meds"', 'path = "lab/meds"\nlink = "ids.csv"')
    pairs = [f"{new.name};{old.name}" for new, old in zip(renamed, PEOPLE, strict=True)]
    (site / "ids.csv").write_text("\n".join(["lab;ehr", *pairs]) + "\n")
    gone = whole.ids[:3]
    (site / "out.txt").write_text("\n".join(gone) + "\n")
    text = file.read_text().replace('path = "cdm"', 'path = "cdm"\nopt_out = "out.txt"')
    file.write_text(text + source)

    found = open_cohort(file, parse(STUDY))

    assert found.ids == whole.ids[3:]
    assert found.x.tobytes() == np.ascontiguousarray(whole.x[3:]).tobytes()
    assert found.opted_out == 3


def test_what_no_source_holds_and_what_they_contradict_is_told(tmp_path):
    site = tmp_path / "site"
    file = write_site(site, "wide", PEOPLE)
    text = file.read_text().replace('creatinine = "Krea"\n', "")
    (site / "t.csv").write_text("PatNr,x\n1,2\n")
    table = '[sources.t.dataset]\nkind = "table"\npath = "t.csv"\npatient = "PatNr"\n'
    file.write_text(text + table)
    with pytest.raises(DataError, match=r"creatinine: is in none of the sources"):
        open_cohort(file, parse(STUDY))

    twins = [replace(p, sex="male" if p.sex == "female" else "female") for p in PEOPLE]
    file = write_joined(tmp_path / "two", "omop", "fhir")
    (tmp_path / "two" / "lab2").mkdir()
    text = as_source(KINDS["fhir"](tmp_path / "two" / "lab2", twins[:5]), "lab2", "other")
    file.write_text(file.read_text() + text)
    found = check(file, parse(STUDY), TODAY)
    assert any("another sex or birth date" in f.says for f in found.findings)
    assert not found.ready


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[sources.x.dataset]\nkind = "table"\npath = "t.csv"\n', "joined on the patient"),
        ('[sources.x.dataset]\nkind = "omop"\npath = "t"\nimage = "f"\n', "one row per image"),
        ('[sources.x.dataset]\nkind = "arrays"\npath = "t"\n', "images come first"),
        ('[sources.x.dataset]\nkind = "omop"\n', "sources.x.dataset.path: is missing"),
        ('[images]\nview = "PA"\n', "for the kinds 'dicom' and 'nifti'"),
        ('[sources.x.sources.y.dataset]\nkind = "omop"\npath = "t"\n', "sources.x.dataset"),
    ],
)
def test_a_source_that_cannot_be_joined_is_refused(tmp_path, text, says):
    file = write_site(tmp_path / "site", "meds", PEOPLE[:2])
    file.write_text(file.read_text() + text)

    with pytest.raises(DataError, match=says):
        open_cohort(file, parse(STUDY))
