"""Every injected fault is found before training, under the right name, with advice.

A fault is an edit of one file of one of the five sites of tests/kinds.py.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.readers.checking.readiness import check
from modelward.readers.checking.readiness_report import as_html, as_object, as_text
from modelward.readers.open import open_cohort
from modelward.readers.plausible import auc, look_swapped
from modelward.study.read import parse
from tests.kinds import KINDS, STUDY, patients, write_site

TODAY = date(2026, 1, 1)
PEOPLE = patients(150)
Edit = Callable[[Path], None]


def put(name: str, old: str, new: str, encoding: str = "utf-8", count: int = -1) -> Edit:
    """Replace text in a file of the site."""

    def edit(site: Path) -> None:
        text = (site / name).read_bytes().decode(encoding)
        assert old in text, f"nothing to replace: {old!r}"
        (site / name).write_bytes(text.replace(old, new, count).encode(encoding))

    return edit


def settings(old: str, new: str) -> Edit:
    return put("dataset.toml", old, new)


def rows(change: Callable[[list[list[str]]], list[list[str]]]) -> Edit:
    """Change the rows below the heading of the wide table."""

    def edit(site: Path) -> None:
        path = site / "daten.csv"
        head, *body = path.read_text("latin-1").splitlines()
        changed = change([line.split(";") for line in body])
        path.write_text("\n".join([head, *map(";".join, changed)]) + "\n", "latin-1")

    return edit


def every(place: int, new: Callable[[str], str]) -> Edit:
    """Change one column of the wide table."""
    return rows(lambda body: [swapped(r, place, new(r[place])) for r in body])


def swapped(row: list[str], place: int, text: str) -> list[str]:
    """Return a row with another text in one place."""
    return [*row[:place], text, *row[place + 1 :]]


def cut(name: str, share: float = 0.6) -> Edit:
    def edit(site: Path) -> None:
        raw = (site / name).read_bytes()
        (site / name).write_bytes(raw[: int(len(raw) * share)])

    return edit


def emptied(site: Path) -> None:
    for file in (site / "export").iterdir():
        file.unlink()


def remove(name: str) -> Edit:
    return lambda site: (site / name).unlink()


def add(name: str, text: str) -> Edit:
    def edit(site: Path) -> None:
        with (site / name).open("a") as stream:
            stream.write(text)

    return edit


ALTER, SEX, KREA, GLUK, RAUCHEN, DIABETES, BESUCHE, WA30 = range(1, 9)
EVENTS = "evenements.tsv.csv"
OBS, COND, PAT = (f"export/{n}.ndjson" for n in ("Observation", "Condition", "Patient"))

ERRORS: list[tuple[str, str, Edit, str, str]] = [
    ("wide", "unknown unit", settings('"µmol/l"', '"Einheiten"'), "creatinine",
     "not a UCUM unit"),
    ("wide", "unit of something else", settings('"µmol/l"', '"mmHg"'), "creatinine",
     "different quantities"),
    ("wide", "wrong unit", settings('creatinine = "µmol/l"', 'creatinine = "mg/dL"'),
     "creatinine", "missing or out of range"),
    ("wide", "unit forgotten", settings('creatinine = "µmol/l"\n', ""), "creatinine",
     "missing or out of range"),
    ("wide", "unmapped category", every(RAUCHEN, lambda v: "gelegentlich" if v == "nie" else v),
     "smoker", "'gelegentlich' is not one of never, former, current"),
    ("wide", "unmapped sex", settings('w = "female"\n', ""), "sex", "'w' is not one of"),
    ("wide", "all missing", every(KREA, lambda _: ""), "creatinine", "100% missing"),
    ("wide", "mostly missing", rows(lambda b: [swapped(r, GLUK, "" if n % 4 else r[GLUK])
                                              for n, r in enumerate(b)]),
     "glucose", "missing or out of range, the study allows 50%"),
    ("wide", "patient twice", rows(lambda b: [*b, b[0]]), "patient", "repeats a patient"),
    ("wide", "patient unnamed", rows(lambda b: [["", *b[0][1:]], *b[1:]]), "patient",
     "1 row names no patient, on line 2"),
    ("wide", "wrong patient key", settings('"PatNr"', '"FallNr"'), "FallNr", "no such column"),
    ("wide", "wrong heading", settings('"Krea"', '"Kreatinin"'), "Kreatinin",
     "no such column; did you mean 'Krea'?"),
    ("wide", "decimal mark forgotten", settings('decimal = ","\n', ""), "creatinine",
     "decimal = ',' in dataset.toml"),
    ("wide", "points for thousands", every(KREA, lambda v: "1.234,5" if v else v), "creatinine",
     "is not a number"),
    ("wide", "text in a number", rows(lambda b: [swapped(b[0], ALTER, "unbekannt"), *b[1:]]),
     "age", "list it under `missing`"),
    ("wide", "NaN written out", every(GLUK, lambda v: v or "nan"), "glucose",
     "is not a finite number"),
    ("wide", "outcome unreadable", every(WA30, lambda v: v.replace("ja", "evtl")), "readmitted",
     "is neither yes nor no"),
    ("wide", "one class only", every(WA30, lambda _: "nein"), "readmitted",
     "outcomes are no"),
    ("wide", "too few", rows(lambda b: b[:11]), "cohort", "would be trained on"),
    ("wide", "nobody", rows(lambda _: []), "cohort", "about 0 units"),
    ("wide", "columns swapped",
     settings('sex = "Geschlecht"', 'sex = "Rauchen"'), "sex", "is not one of female, male"),
    ("wide", "numbers swapped",
     settings('age = "Alter"\n', 'age = "Krea"\n'), "age", "missing or out of range"),
    ("wide", "answer among the questions",
     rows(lambda b: [swapped(r, DIABETES, r[WA30]) for r in b]), "diabetes",
     "tells the outcome apart almost perfectly"),
    ("wide", "answer hidden in a number",
     rows(lambda b: [swapped(r, BESUCHE, "9" if r[WA30] == "ja" else "1") for r in b]),
     "visits", "tells the outcome apart almost perfectly"),
    ("wide", "mixed encodings", settings('encoding = "latin-1"', 'encoding = "utf-8"'), "data",
     "cannot be read"),
    ("wide", "a line too long", rows(lambda b: [*b[:5], [*b[5], "x"], *b[6:]]), "data",
     "line 7: 12 values under 11 headings"),
    ("wide", "file gone", remove("daten.csv"), "data", "there is no such file"),
    ("wide", "key misspelt", settings("decimal =", "dezimal ="), "dataset.dezimal",
     "did you mean 'decimal'?"),
    ("wide", "kind misspelt", settings('"table"', '"tabel"'), "dataset.kind",
     "input should be"),
    ("wide", "not TOML", settings("[dataset]", "[dataset"), "data", "not TOML"),
    ("rows", "unknown unit", put(EVENTS, "µmol/L", "Stück"), "creatinine", "not a UCUM unit"),
    ("rows", "no unit", put(EVENTS, "\tµmol/L", "\t"), "creatinine", "no unit is given"),
    ("rows", "code not mapped", settings('"Créatinine"', '"Creat"'), "creatinine",
     "100% missing"),
    ("rows", "dates of another kind", settings('dates = "%d/%m/%Y %H:%M"\n', ""), "events.time",
     "an ISO date"),
    ("rows", "events to come", put(EVENTS, "/2024 ", "/2036 "), "events",
     "events are in the future"),
    ("rows", "index never found", settings('"I21"', '"I22"'), "cohort", "about 0 units"),
    ("rows", "born after the event", put("patients.csv", "/19", "/20"), "events",
     "before the patient's birth"),
    ("rows", "person twice", add("patients.csv", "1;F;01/01/1980 00:00\n"), "patients",
     "more than once"),
    ("rows", "answer not mapped", settings('jamais = "never"\n', ""), "smoker",
     "'jamais' is not one of"),
    ("fhir", "cut off", cut(OBS), "data", "was cut off"),
    ("fhir", "empty folder", emptied, "data", "there is no .json or .ndjson file"),
    ("fhir", "no such folder", settings('"export"', '"exprot"'), "data", "there is no .json"),
    ("fhir", "unit of something else", put(OBS, '"code": "mg/dL"', '"code": "mm[Hg]"'),
     "creatinine", "different quantities"),
    ("fhir", "codes of another system", put(OBS, "http://loinc.org", "http://loinc.example"),
     "creatinine", "100% missing"),
    ("fhir", "people without sex", put(PAT, '"gender"', '"gendre"'), "sex", "100% missing"),
    ("meds", "damaged shard", cut("meds/data/0.parquet"), "data", "meds"),
    ("meds", "code not mapped", settings('"LAB//50912"', '"LAB//50911"'), "creatinine",
     "100% missing"),
    ("omop", "no persons", remove("cdm/PERSON.csv"), "data", "there is no table PERSON"),
    ("omop", "no vocabulary", remove("cdm/CONCEPT.csv"), "cohort", "about 0 units"),
    ("omop", "persons without ids", put("cdm/PERSON.csv", "person_id", "person"), "data",
     "person_id"),
]  # fmt: skip

WARNINGS: list[tuple[str, str, Edit, str, str]] = [
    ("wide", "constant", every(BESUCHE, lambda _: "3"), "visits", "known values are equal"),
    ("wide", "hardly any outcome",
     rows(lambda b: [swapped(r, WA30, "ja" if n < 8 else "nein") for n, r in enumerate(b)]),
     "readmitted", "have the rarer outcome"),
    ("wide", "export appended to itself",
     rows(lambda b: [*b, *(["x" + r[0], *r[1:]] for r in b)]),
     "patient", "equal another one in every feature"),
]  # fmt: skip


def broken(folder: Path, kind: str, edit: Edit) -> Path:
    """Write a site, damage it, and return its dataset.toml."""
    file = write_site(folder / kind, kind, PEOPLE)
    edit(file.parent)
    return file


def names(faults: list[tuple[str, str, Edit, str, str]]) -> list[str]:
    return [f"{kind}: {name}" for kind, name, *_ in faults]


def test_there_are_at_least_forty_faults():
    assert len(set(names(ERRORS + WARNINGS))) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_site_is_ready(tmp_path, kind):
    found = check(write_site(tmp_path / kind, kind, PEOPLE), parse(STUDY), TODAY)

    assert found.ready, as_text(found)
    assert found.units > 100
    assert as_text(found).endswith("\nREADY")


@pytest.mark.parametrize(("kind", "name", "edit", "key", "says"), ERRORS, ids=names(ERRORS))
def test_a_fault_blocks_and_is_told_with_advice(tmp_path, kind, name, edit, key, says):
    file = broken(tmp_path, kind, edit)

    found = check(file, parse(STUDY), TODAY)

    assert not found.ready, name
    told = [f for f in found.findings if f.level == "error"]
    assert any(f.key == key and says in f.says for f in told), as_text(found)
    assert all(f.remedy for f in told)


@pytest.mark.parametrize(("kind", "name", "edit", "key", "says"), WARNINGS, ids=names(WARNINGS))
def test_a_warning_blocks_until_it_is_accepted(tmp_path, kind, name, edit, key, says):
    file = broken(tmp_path, kind, edit)

    found = check(file, parse(STUDY), TODAY)

    assert not found.ready, name
    assert any(f.level == "warning" and f.key == key and says in f.says for f in found.findings)
    assert check(file, parse(STUDY), TODAY, [key]).ready


@pytest.mark.slow
def test_what_blocks_the_check_for_its_form_never_reaches_training(tmp_path):
    for kind, name, edit, _, _ in ERRORS[:4]:
        with pytest.raises(DataError):
            open_cohort(broken(tmp_path / name.replace(" ", "-"), kind, edit), parse(STUDY))


def test_the_report_is_text_json_and_a_page(tmp_path):
    found = check(broken(tmp_path, "wide", ERRORS[0][2]), parse(STUDY), TODAY)

    assert as_text(found).endswith("\nNOT READY")
    assert as_object(found)["ready"] is False
    assert "<h1>NOT READY</h1>" in as_html(found)
    assert "&#x27;Einheiten&#x27;" in as_html(found)


def test_columns_that_fit_each_others_range_are_told():
    raw = {"age": np.array([1.0, 0.9, 1.2]), "creatinine": np.array([60.0, 71.0, 44.0])}

    told = list(look_swapped(raw, parse(STUDY)))

    assert [(level, key) for level, key, *_ in told] == [("error", "age")]
    assert "are the columns of age and creatinine swapped?" in told[0][3]
    assert not list(look_swapped({**raw, "age": raw["creatinine"]}, parse(STUDY)))


def test_the_area_under_the_curve_is_that_of_the_textbook():
    scores = np.array([1.0, 2, 2, 3])

    assert auc(scores, np.array([0.0, 0, 1, 1])) == 0.875  # 3.5 of 4 pairs
    assert auc(scores, np.zeros(4)) == 0.5
