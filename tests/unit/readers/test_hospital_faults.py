"""What exports of real hospitals have: each is found by the check, with what to write."""

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.core.codes import covers
from modelward.core.faults import Fault
from modelward.errors import DataError
from modelward.readers.checking.advice import advice
from modelward.readers.checking.readiness import Readiness, check
from modelward.readers.doubtful import doubts
from modelward.readers.proposing.propose import proposal
from modelward.readers.tables.grouped import ungrouped
from modelward.readers.tables.values import boolean
from modelward.study.read import parse
from tests.kinds import STUDY, patients, write_site
from tests.unit.readers.test_readiness import (
    ALTER,
    BESUCHE,
    EVENTS,
    GLUK,
    KREA,
    SEX,
    TODAY,
    broken,
    every,
    rows,
    settings,
    swapped,
)


def lines(change: Any, name: str = "daten.csv", encoding: str = "latin-1") -> Any:
    """Change the lines of a file, the heading first."""

    def edit(site: Path) -> None:
        text = (site / name).read_text(encoding).splitlines()
        (site / name).write_text("\n".join(change(text)) + "\n", encoding)

    return edit


def sometimes(place: int, value: str) -> Any:
    """Put `value` into every fifth row of the wide table."""
    return rows(
        lambda body: [swapped(r, place, value) if n % 5 == 0 else r for n, r in enumerate(body)]
    )


def in_both_units(body: list[list[str]]) -> list[list[str]]:
    """Write a third of the creatinines in mg/dL under a heading of µmol/l."""
    return [
        swapped(r, KREA, f"{float(r[KREA].replace(',', '.')) / 88.4:.3f}".replace(".", ","))
        if r[KREA] and n % 3 == 0
        else r
        for n, r in enumerate(body)
    ]


def other_sex(body: list[list[str]]) -> list[list[str]]:
    return [*body, swapped(body[0], SEX, "m" if body[0][SEX] == "w" else "w")]


FAULTS: list[tuple[str, str, Any, str, str, str, str]] = [
    ("wide", "a heading twice", lines(lambda t: [t[0] + ";krea", *(r + ";1" for r in t[1:])]),
     "error", "Krea", "2 columns have this heading", "correct the file"),
    ("wide", "-999", sometimes(GLUK, "-999"), "warning", "glucose",
     "stands 29 times outside of [1, 60]", "under `missing`"),
    ("wide", "zeros for missing", sometimes(GLUK, "0"), "warning", "glucose",
     "0 mmol/L, stands 29 times outside", "under `missing`"),
    ("wide", "an age of 999", sometimes(ALTER, "999"), "warning", "age",
     "999 a, stands 29 times outside", "under `missing`"),
    ("wide", "nothing but zeros", every(BESUCHE, lambda _: "0"), "warning", "visits",
     "all 135 known values are equal", "right column?"),
    ("wide", "two units in a column", rows(in_both_units), "warning", "creatinine",
     "values lie outside of [0.1, 20]", "another unit in some rows"),
    ("wide", "points for thousands", every(GLUK, lambda v: "1.234,5" if v else v), "error",
     "glucose", "thousands = '.' in dataset.toml", "dataset.toml"),
    ("wide", "a patient of two sexes", rows(other_sex), "error", "patient",
     "1 row repeats a patient", "dataset.toml"),
    ("rows", "a person of two sexes",
     lines(lambda t: [*t, re.sub("femme|homme", "autre", t[1])], "patients.csv", "utf-8"),
     "error", "patients", "more than once", "dataset.toml"),
    ("rows", "days as a spreadsheet counts",
     lines(lambda t: [re.sub(r"\d\d/\d\d/20\d\d \d\d:\d\d", "45321,5", r) for r in t], EVENTS,
           "utf-8"),
     "error", "events.time", "such as '45321,5'", "days as a spreadsheet counts them"),
    ("rows", "births as a spreadsheet counts",
     lines(lambda t: [re.sub(r"\d\d/\d\d/\d\d\d\d \d\d:\d\d", "20321", r) for r in t],
           "patients.csv", "utf-8"),
     "error", "patients.birth", "such as '20321'", "days as a spreadsheet counts them"),
    ("wide", "a name without quotes",
     settings("[values.sex]\n", "[values.sex]\nmännlich = 'male'\n"), "error", "data",
     "stand in quotes", "correct the keys"),
]  # fmt: skip


def told(found: Readiness, level: str, key: str) -> list[Any]:
    return [f for f in found.findings if f.level == level and f.key == key]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[1])
def test_it_blocks_and_says_what_to_do(tmp_path, fault):
    kind, _, edit, level, key, says, remedy = fault

    found = check(broken(tmp_path, kind, edit), parse(STUDY), TODAY)

    assert not found.ready
    assert any(says in f.says and remedy in f.remedy for f in told(found, level, key)), found


def test_a_byte_order_mark_and_blanks_around_headings_are_no_fault(tmp_path):
    def marked(site: Path) -> None:
        text = (site / "daten.csv").read_text("latin-1").replace("Krea;", "Krea ;", 1)
        (site / "daten.csv").write_bytes(text.encode("utf-8-sig"))
        settings('"latin-1"', '"utf-8"')(site)

    assert check(broken(tmp_path, "wide", marked), parse(STUDY), TODAY).ready


def test_marks_for_thousands_are_read_where_they_are_named(tmp_path):
    def edit(site: Path) -> None:
        every(KREA, lambda v: "1.000,5" if v else v)(site)
        settings('decimal = ","', 'decimal = ","\nthousands = "."')(site)

    found = check(broken(tmp_path, "wide", edit), parse(STUDY), TODAY)

    assert not told(found, "error", "creatinine")
    assert told(found, "warning", "creatinine")[0].says.endswith("known values are equal")
    assert ungrouped("1.000,5", ".", ",") == "1000,5"
    assert ungrouped("10.00", ".", ",") == "10.00"
    assert ungrouped("-1 234 567.8", " ", ".") == "-1234567.8"


@pytest.mark.parametrize(
    ("rows_", "said"),
    [
        ([f"p{n};{n},5;x" for n in range(30)], ['decimal = ","']),
        ([f"p{n};{n + 1}.{n:03},5;18.04.2024" for n in range(30)],
         ['decimal = ","', 'thousands = "."']),
        ([f'p{n},"{n + 1},{n:03}",{n}.5' for n in range(30)], ['thousands = ","']),
        ([f'p{n},"{n + 1},{n:03}",x' for n in range(30)], ["# numbers such as 1,000"]),
        ([f"p{n},{n}.5,x" for n in range(30)], []),
    ],
)  # fmt: skip
def test_a_proposal_tells_marks_apart_where_the_file_does(tmp_path, rows_, said):
    separator = ";" if ";" in rows_[0] else ","
    path = tmp_path / "t.csv"
    path.write_text("\n".join([separator.join(("patient", "creatinine", "x")), *rows_]) + "\n")

    text, _ = proposal(path, parse(STUDY))

    found = [line for line in text.splitlines() if "decimal" in line or "thousands" in line]
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True))


def test_headings_with_units_are_matched_and_their_units_proposed(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("pid;Creatinine (µmol/l);Diabetes mellitus;Glucose [mmol/L]\n1;80;ja;5\n")

    text, absent = proposal(path, parse(STUDY))

    assert 'creatinine = "Creatinine (µmol/l)"' in text
    assert 'diabetes = "Diabetes mellitus"' in text
    assert '[units]\ncreatinine = "µmol/l"   # as its heading says\n' in text
    assert not {"creatinine", "diabetes", "glucose"} & set(absent)


def test_a_proposal_says_which_codes_have_no_record(tmp_path):
    write_site(tmp_path / "meds", "meds", patients(20))

    text, absent = proposal(tmp_path / "meds" / "meds", parse(STUDY))

    assert "creatinine" in absent
    assert '# "your code" = "LOINC:2160-0"' in text
    assert "# Records there are: " in text


def test_leading_zeros_that_are_lost_do_not_let_an_opt_out_pass(tmp_path):
    file = write_site(tmp_path / "wide", "wide", patients(150))
    first = (file.parent / "daten.csv").read_text("latin-1").splitlines()[1].split(";")[0]
    (file.parent / "out.txt").write_text(f"00{first}\n")
    settings("[dataset]\n", '[dataset]\nopt_out = "out.txt"\n')(file.parent)

    found = check(file, parse(STUDY), TODAY)

    assert not found.ready
    assert "but for leading zeros" in told(found, "error", "opt_out")[0].says
    (file.parent / "out.txt").write_text("somebody else\n")
    warned = told(check(file, parse(STUDY), TODAY), "warning", "opt_out")
    assert warned[0].says == "none of the 1 ids of the list is in the data"


def test_sources_without_a_patient_in_common_are_an_error_that_says_why(tmp_path):
    file = write_site(tmp_path / "wide", "wide", patients(60))
    text = (file.parent / "daten.csv").read_text("latin-1").splitlines()
    pairs = [line.split(";")[0] for line in text[1:]]
    lab = ["pat;hb", *(f"0{name};{n % 9}" for n, name in enumerate(pairs))]
    (file.parent / "lab.csv").write_text("\n".join(lab) + "\n")
    settings("[dataset]\n", "[sources.lab.dataset]\nkind = 'table'\npath = 'lab.csv'\n"
             "patient = 'pat'\n[dataset]\n")(file.parent)  # fmt: skip
    more = '[features.hb]\ntype = "number"\nunit = "1"\nrange = [0, 20]\n[target.readmitted]'

    found = check(file, parse(STUDY.replace("[target.readmitted]", more)), TODAY)

    (error,) = told(found, "error", "sources")
    assert "are, but for leading zeros or case (hb)" in error.says
    assert "export ids as text" in error.remedy


@pytest.mark.slow
def test_a_subject_of_two_sexes_has_none_in_meds(tmp_path):
    import duckdb

    file = write_site(tmp_path / "meds", "meds", patients(150))
    shard = next((file.parent / "meds" / "data").glob("*.parquet"))
    duckdb.execute(
        f"COPY (FROM '{shard}' UNION ALL BY NAME SELECT subject_id, time, "
        f"replace(code, 'GENDER//F', 'GENDER//M') AS code, numeric_value FROM '{shard}' "
        f"WHERE code LIKE 'GENDER//F%') TO '{shard}.new' (FORMAT parquet)"
    )
    Path(f"{shard}.new").replace(shard)

    notes = told(check(file, parse(STUDY), TODAY), "note", "cohort")

    assert any("have more than one sex" in note.says for note in notes)


def test_codes_of_diagnoses_are_the_same_with_and_without_a_point():
    assert covers("ICD-10:I21.9", "ICD-10:I219")
    assert covers("ICD-10:I219", "ICD-10:I21.9") or covers("ICD-10:I21", "ICD-10:I21.9")


def test_groups_of_values_with_nothing_between_are_two_units():
    draw = np.random.default_rng(3)
    both = np.r_[draw.normal(90, 15, 300), draw.normal(1, 0.2, 60)].clip(0.3)
    study = parse(STUDY.replace("range = [0.1, 20]", "range = [0.1, 2000]"))

    said = list(doubts({"creatinine": both}, study, set()))

    assert [(level, key) for level, key, *_ in said] == [("warning", "creatinine")]
    assert "300 around 9" in said[0][2]
    assert not list(doubts({"creatinine": both[:300]}, study, set()))
    assert not list(doubts({"creatinine": both}, study, {"creatinine"}))


def test_zeros_among_values_that_are_never_small_are_told():
    draw = np.random.default_rng(4)
    values = np.r_[draw.normal(1.1, 0.2, 300), np.zeros(40)]
    study = parse(STUDY.replace("range = [0.1, 20]", "range = [0, 20]"))

    (said,) = doubts({"creatinine": values}, study, set())

    assert said[0] == "warning"
    assert said[2].startswith("40 of 340 values are 0, and the next one is 0.")
    counts = draw.poisson(2, 300).astype(float)
    assert not list(doubts({"visits": counts}, study, set()))


def test_dates_that_were_all_moved_are_a_warning_that_can_be_accepted(tmp_path):
    def moved(site: Path) -> None:
        for name in (EVENTS, "patients.csv"):
            later = re.sub(
                r"/(\d\d)(\d\d)(?= )",
                lambda year: f"/{int(year[1]) + 2}{year[2]}",
                (site / name).read_text(),
            )
            (site / name).write_text(later)

    file = broken(tmp_path, "rows", moved)
    found = check(file, parse(STUDY), TODAY)

    assert told(found, "warning", "events")[0].says.endswith("events are in the future")
    assert check(file, parse(STUDY), TODAY, ["events"]).ready


def test_compressed_tables_are_proposed_as_plain_ones_are(tmp_path):
    text = "pid;creatinine;Größe\n" + "".join(f"{n};{n},5;x\n" for n in range(30))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))

    made, _ = proposal(tmp_path / "t.csv.gz", parse(STUDY))

    assert "encoding" not in made
    assert 'decimal = ","' in made
    assert 'patient = "pid"' in made


@pytest.mark.parametrize(
    ("says", "written"),
    [
        ("1 value on line 2: 'w' is not one of female, male",
         'under [values.x] "w" = "…" (female, male; "" if not known)'),
        ("3 values, the first on line 2: 'evtl' is neither yes nor no",
         'under [values.x] "evtl" = "…" (yes, no; "" if not known)'),
        ("9 values, the first on line 2: 'm' is not one of female, male; also 'w', 'd'",
         'under [values.x] "m" = "…", "w" = "…", "d" = "…" (one a line, female, male; "" if'),
        ("2 values, the first on line 2: 'n.d.' is not a number (if it means missing, list it "
         "under `missing` in dataset.toml)",
         'under [dataset] missing = ["", "NA", "N/A", "null", "NULL", "?", "n.d."]'),
        ("1 row names no patient, on line 262", "such as a line of totals"),
        ("3 values: 'mg per dl' is not a UCUM unit", 'under [spellings] "mg per dl" = "…"'),
        ("mmHg and mg/dL measure different quantities", "under [units] x = "),
        ("something else", "[columns], [values]"),
    ],
)  # fmt: skip
def test_advice_says_what_to_write_where(says, written):
    assert written in advice("x", says)


def test_a_dataset_file_that_is_not_there_is_named(tmp_path):
    found = check(tmp_path / "dataset.toml", parse(STUDY), TODAY)

    (error,) = found.findings
    assert "dataset.toml cannot be read" in error.says
    assert "modelward data init" in error.remedy


def test_a_store_that_is_not_there_and_an_unnamed_patient_are_told(tmp_path):
    (tmp_path / "t.csv").write_text("wer;readmitted\n1;ja\n")
    write_site(tmp_path / "omop", "omop", patients(3))

    _, absent = proposal(tmp_path / "omop" / "cdm", parse(STUDY), [tmp_path / "t.csv"])

    assert "the heading of the patient in t.csv" in absent
    with pytest.raises(DataError, match="there is no such file or folder"):
        proposal(tmp_path / "absent.csv", parse(STUDY))


def test_words_that_many_rows_have_are_told_at_once_and_those_of_single_patients_are_not():
    faults: list[Fault] = []
    text = np.array(["m", *["w"] * 12, *["d"] * 10, *["Ida"] * 9], object)

    boolean(text, "sex", faults)

    assert [f.says for f in faults] == [
        "32 values, the first on line 2: 'm' is neither yes nor no; also 'w', 'd'"
    ]


def test_a_store_of_events_has_no_lines(tmp_path):
    def edit(site: Path) -> None:
        settings('jamais = "never"\n', "")(site)

    found = check(broken(tmp_path, "rows", edit), parse(STUDY), TODAY)

    (error,) = told(found, "error", "smoker")
    assert re.match(r"\d+ values, the first: 'jamais' is not one of never", error.says)
    assert 'under [values.smoker] "jamais" = "…"' in error.remedy


def test_advice_about_a_joined_source_names_its_own_tables():
    yes = advice("ill", "9 values: 'nein' is neither yes nor no; also 'ja' (source lab)")
    lacking = "1 value: 'n.d.' is not a number (if it means missing, …) (source lab)"

    assert 'under [sources.lab.values.ill] "nein" = "…", "ja" = "…"' in yes
    assert "under [sources.lab.dataset] missing" in advice("hb", lacking)
