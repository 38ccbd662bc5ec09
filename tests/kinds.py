"""One invented cohort, written as five hospitals would: other kinds, units, codes, languages.

Every writer gets the same patients and returns the text of the site's dataset.toml. Values
are chosen so that a conversion and the study's resolution give the same number back.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb
import numpy as np

from modelward.core import units

STUDY = """
[study]
id = "kinds"
purpose = "Tell who is readmitted after a heart attack"
min_patients = 10

[cohort.index]
code = ["SNOMED:22298006"]

[cohort.all.adult]
code = ["Patient:age"]
range = [18, 110]
unit = "a"

[cohort.exclude.dialysis]
code = ["SNOMED:265764009"]
window = [-3650, 0]

[features.age]
type = "number"
unit = "a"
range = [18, 110]
code = ["Patient:age"]

[features.sex]
type = "category"
levels = ["female", "male"]
code = ["Patient:sex"]

[features.creatinine]
type = "number"
unit = "mg/dL"
range = [0.1, 20]
code = ["LOINC:2160-0"]
pick = "max"
window = [-30, 0]
molar_mass = 113.12
resolution = 0.01
max_missing = 0.5

[features.glucose]
type = "number"
unit = "mmol/L"
range = [1, 60]
code = ["LOINC:2345-7"]
window = [-365, 0]
molar_mass = 180.156
resolution = 0.1
max_missing = 0.5

[features.smoker]
type = "category"
levels = ["never", "former", "current"]
code = ["LOINC:72166-2"]
max_missing = 0.5

[features.smoker.answers]
never = ["SNOMED:266919005"]
former = ["SNOMED:8517006"]
current = ["SNOMED:77176002"]

[features.diabetes]
type = "boolean"
code = ["SNOMED:44054006"]
window = [-3650, 0]

[features.visits]
type = "number"
unit = "1"
range = [0, 50]
code = ["SNOMED:185349003"]
window = [-365, -1]
pick = "count"

[target.readmitted]
code = ["SNOMED:32485007"]
window = [1, 30]

[recipe]
name = "logistic"
options = { l2 = 1.0 }

[plan]
strategy = "newton"
rounds = 8
test = 0.25
"""

CREATININE, GLUCOSE, SMOKING = "LOINC:2160-0", "LOINC:2345-7", "LOINC:72166-2"
INFARCT, DIALYSIS, DIABETES = "SNOMED:22298006", "SNOMED:265764009", "SNOMED:44054006"
VISIT, ADMITTED = "SNOMED:185349003", "SNOMED:32485007"
ANSWERS = {
    "never": "SNOMED:266919005",
    "former": "SNOMED:8517006",
    "current": "SNOMED:77176002",
}


@dataclass(frozen=True)
class Record:
    """Something that happened: a code of the study, when, and a value in the study's unit."""

    code: str
    time: datetime
    value: float | str | None = None


@dataclass(frozen=True)
class Patient:
    """One invented person."""

    name: str
    sex: str
    birth: date
    records: tuple[Record, ...]


Write = Callable[[Path, Sequence[Patient]], str]


def patients(number: int, seed: int = 0) -> list[Patient]:
    """Return invented patients; a few have no index event, are minors, or are dialysed."""
    rng = np.random.default_rng([seed, 7])
    return [_patient(f"{1000 * seed + n + 1}", rng) for n in range(number)]


def _patient(name: str, rng: np.random.Generator) -> Patient:
    index = datetime.combine(date(2024, 1, 1), time(8)) + timedelta(
        days=int(rng.integers(0, 300))
    )
    years = int(rng.integers(16, 95))
    birth = (index - timedelta(days=365 * years + int(rng.integers(30, 330)))).date()
    found = [] if rng.random() < 0.05 else [Record(INFARCT, index)]
    sick = rng.normal()
    for _ in range(int(rng.integers(1, 5))):
        found.append(_lab(CREATININE, index, rng, float(np.exp(0.2 + 0.4 * sick)), 0.01))
        found.append(_lab(GLUCOSE, index, rng, 6 + 2 * abs(sick), 0.1))
    if rng.random() < 0.9:
        answer = str(rng.choice(list(ANSWERS)))
        found.append(Record(SMOKING, index - timedelta(days=int(rng.integers(1, 900))), answer))
    for code, share, first, last in (
        (DIABETES, 0.3, -2000, 0),
        (DIALYSIS, 0.05, -2000, 0),
        (ADMITTED, 0.25 + 0.2 * (sick > 0), 1, 60),
    ):
        if rng.random() < share:
            found.append(Record(code, index + timedelta(days=int(rng.integers(first, last)))))
    for _ in range(int(rng.poisson(2))):
        found.append(Record(VISIT, index - timedelta(days=int(rng.integers(0, 500)))))
    return Patient(name, str(rng.choice(["female", "male"])), birth, tuple(found))


def _lab(
    code: str, index: datetime, rng: np.random.Generator, about: float, step: float
) -> Record:
    when = index - timedelta(days=int(rng.integers(-5, 60)), hours=int(rng.integers(0, 8)))
    value = round(max(about + float(rng.normal(0, 0.2)), 0.3) / step) * step
    return Record(code, when, value)


def write_wide(folder: Path, people: Sequence[Patient]) -> str:
    """A research table that somebody made by hand: one row per patient, in German."""
    lines = [
        "PatNr;Alter;Geschlecht;Krea;Glukose;Rauchen;Zuckerkrank;Besuche;WA30;Dialyse;Erwachsen"
    ]
    for person in people:
        row = by_hand(person)
        if row is not None:
            lines.append(";".join([person.name, *row]))
    (folder / "daten.csv").write_text("\n".join(lines) + "\n", "latin-1")
    return (
        '[dataset]\nkind = "table"\npath = "daten.csv"\npatient = "PatNr"\ndecimal = ","\n'
        'encoding = "latin-1"\n'
        '[columns]\nage = "Alter"\nsex = "Geschlecht"\ncreatinine = "Krea"\n'
        'glucose = "Glukose"\nsmoker = "Rauchen"\ndiabetes = "Zuckerkrank"\n'
        'visits = "Besuche"\nreadmitted = "WA30"\ndialysis = "Dialyse"\nadult = "Erwachsen"\n'
        '[units]\ncreatinine = "µmol/l"\nglucose = "mg%"\n'
        '[values.sex]\nw = "female"\n"männlich" = "male"\n'
        '[values.smoker]\nnie = "never"\n"früher" = "former"\naktuell = "current"\n'
        + "".join(
            f'[values.{c}]\nja = "yes"\nnein = "no"\n'
            for c in ("diabetes", "readmitted", "dialysis", "adult")
        )
    )


def by_hand(person: Patient) -> list[str] | None:
    """Work out a row of the wide table in plain Python: the oracle of windows and picks."""
    day = next((r.time.date() for r in person.records if r.code == INFARCT), None)
    if day is None:
        return None

    def within(code: str, first: int, last: int) -> list[Record]:
        found = [r for r in person.records if r.code == code]
        return [r for r in found if first <= (r.time.date() - day).days <= last]

    creatinine = [r.value for r in within(CREATININE, -30, 0) if isinstance(r.value, float)]
    glucose = sorted(within(GLUCOSE, -365, 0), key=lambda r: (r.time, r.value))
    smoking = within(SMOKING, -100_000, 100_000)
    age = (
        day.year
        - person.birth.year
        - ((day.month, day.day) < (person.birth.month, person.birth.day))
    )
    words = {"never": "nie", "former": "früher", "current": "aktuell"}
    yes = {True: "ja", False: "nein"}
    return [
        str(age),
        {"female": "w", "male": "männlich"}[person.sex],
        german(max(creatinine), CREATININE, "umol/L") if creatinine else "",
        german(float(glucose[-1].value or 0), GLUCOSE, "mg/dL") if glucose else "",
        words[str(smoking[0].value)] if smoking else "",
        yes[bool(within(DIABETES, -3650, 0))],
        str(len(within(VISIT, -365, -1))),
        yes[bool(within(ADMITTED, 1, 30))],
        yes[bool(within(DIALYSIS, -3650, 0))],
        yes[age >= 18],
    ]


OF = {CREATININE: ("mg/dL", 113.12), GLUCOSE: ("mmol/L", 180.156)}
"""Unit of the study and molar mass."""


def other(value: float, code: str, unit: str) -> float:
    """Return a value of the study in another unit, as a laboratory would print it."""
    wanted, mass = OF[code]
    return round(units.conversion(wanted, unit, molar_mass=mass)(value), 4)


def german(value: float, code: str, unit: str) -> str:
    return f"{other(value, code, unit):.3f}".replace(".", ",")


def write_rows(folder: Path, people: Sequence[Patient]) -> str:
    """A laboratory and diagnosis export: one row per event, in French, local names."""
    names = {
        CREATININE: "Créatinine",
        GLUCOSE: "Glycémie",
        SMOKING: "Tabac",
        INFARCT: "I21",
        DIALYSIS: "dialyse",
        DIABETES: "diabète 2",
        VISIT: "consultation",
        ADMITTED: "hospitalisation",
    }
    words = {"never": "jamais", "former": "ancien", "current": "actif"}
    lines = ["nip\tquand\tquoi\tcombien\tunite"]
    for person in people:
        for r in person.records:
            value, unit = "", ""
            if isinstance(r.value, float):
                unit = {CREATININE: "µmol/L", GLUCOSE: "g/L"}[r.code]
                asked = {CREATININE: "umol/L", GLUCOSE: "g/L"}[r.code]
                value = f"{other(r.value, r.code, asked):.6f}"
            elif r.value:
                value = words[r.value]
            when = r.time.strftime("%d/%m/%Y %H:%M")
            lines.append(
                f"{person.name}\t{when}\t{names[r.code]}\t{value}\t{unit}".replace(".", ",")
            )
    (folder / "evenements.tsv.csv").write_text("\n".join(lines) + "\n")
    births = [
        f"{p.name};{'F' if p.sex == 'female' else 'homme'};{p.birth:%d/%m/%Y} 00:00"
        for p in people
    ]
    (folder / "patients.csv").write_text("\n".join(["nip;sexe;naissance", *births]) + "\n")
    codes = "".join(f'"{local}" = "{code}"\n' for code, local in names.items())
    return (
        '[dataset]\nkind = "table"\npath = "evenements.tsv.csv"\npatient = "nip"\n'
        'decimal = ","\ndates = "%d/%m/%Y %H:%M"\n'
        '[events]\ncode = "quoi"\ntime = "quand"\nvalue = "combien"\nunit = "unite"\n'
        '[patients]\npath = "patients.csv"\npatient = "nip"\n'
        'sex = "sexe"\nbirth = "naissance"\n'
        f"[codes]\n{codes}"
        '[values.smoker]\njamais = "never"\nancien = "former"\nactif = "current"\n'
    )


def write_fhir(folder: Path, people: Sequence[Patient]) -> str:
    """A Bulk Export, in the study's units, with codings of other systems first."""
    systems = {"LOINC": "http://loinc.org", "SNOMED": "http://snomed.info/sct"}

    def concept(code: str) -> dict[str, list[dict[str, str]]]:
        system, _, bare = code.partition(":")
        local = {"system": "urn:oid:1.2.3", "code": "local"}
        return {"coding": [local, {"system": systems[system], "code": bare}]}

    files: dict[str, list[dict[str, object]]] = {
        "Patient": [],
        "Observation": [],
        "Condition": [],
    }
    for p in people:
        files["Patient"].append(
            {
                "resourceType": "Patient",
                "id": p.name,
                "gender": p.sex,
                "birthDate": str(p.birth),
                "name": [{"family": "Invented"}],
            }
        )
        subject = {"reference": f"Patient/{p.name}"}
        for r in p.records:
            when = r.time.isoformat() + "+01:00"
            if r.value is None:
                files["Condition"].append(
                    {
                        "resourceType": "Condition",
                        "code": concept(r.code),
                        "onsetDateTime": when,
                        "subject": subject,
                    }
                )
                continue
            entry: dict[str, object] = {
                "resourceType": "Observation",
                "status": "final",
                "code": concept(r.code),
                "effectiveDateTime": when,
                "subject": subject,
            }
            if isinstance(r.value, float):
                unit = OF[r.code][0]
                entry["valueQuantity"] = {
                    "value": r.value,
                    "unit": unit,
                    "code": unit,
                    "system": "http://unitsofmeasure.org",
                }
            else:
                entry["valueCodeableConcept"] = {
                    "coding": concept(ANSWERS[r.value])["coding"][1:]
                }
            files["Observation"].append(entry)
    (folder / "export").mkdir()
    for name, resources in files.items():
        text = "".join(json.dumps(resource) + "\n" for resource in resources)
        (folder / "export" / f"{name}.ndjson").write_text(text)
    return '[dataset]\nkind = "fhir"\npath = "export"\n'


def write_meds(folder: Path, people: Sequence[Patient]) -> str:
    """MEDS shards with local laboratory codes and American units."""
    rows: list[tuple[int, datetime | None, str, float | None, str | None, str | None]] = []
    local = {CREATININE: "LAB//50912", GLUCOSE: "LAB//50931"}
    for p in people:
        who = int(p.name)
        rows.append((who, None, f"GENDER//{p.sex[0].upper()}", None, None, None))
        rows.append(
            (
                who,
                datetime.combine(p.birth, datetime.min.time()),
                "MEDS_BIRTH",
                None,
                None,
                None,
            )
        )
        for r in p.records:
            code = local.get(r.code, r.code.replace(":", "//"))
            if isinstance(r.value, float):
                unit = {CREATININE: "mg/dL", GLUCOSE: "mg/dL"}[r.code]
                rows.append((who, r.time, code, other(r.value, r.code, unit), None, unit))
            else:
                rows.append((who, r.time, code, None, r.value, None))
    (folder / "meds" / "data").mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE m (subject_id BIGINT, time TIMESTAMP, code VARCHAR, "
            "numeric_value FLOAT, text_value VARCHAR, unit VARCHAR)"
        )
        connection.executemany("INSERT INTO m VALUES (?, ?, ?, ?, ?, ?)", rows)
        for part in (0, 1):
            connection.execute(
                f"COPY (FROM m WHERE subject_id % 2 = {part}) TO "
                f"'{folder}/meds/data/{part}.parquet' (FORMAT parquet)"
            )
    return (
        '[dataset]\nkind = "meds"\npath = "meds"\n'
        f'[codes]\n"LAB//50912" = "{CREATININE}"\n"LAB//50931" = "{GLUCOSE}"\n'
    )


CONCEPTS = {
    CREATININE: 3016723,
    GLUCOSE: 3004501,
    SMOKING: 43054909,
    INFARCT: 4329847,
    DIALYSIS: 4146536,
    DIABETES: 201826,
    VISIT: 4085799,
    ADMITTED: 4214956,
    ANSWERS["never"]: 4144272,
    ANSWERS["former"]: 4310250,
    ANSWERS["current"]: 4298794,
    "UCUM:umol/L": 8749,
    "UCUM:mg/dL": 8840,
}
"""Concept ids as the OHDSI vocabularies number them, or near enough."""


def omop_tables(people: Sequence[Patient]) -> dict[str, list[dict[str, object]]]:
    """Return a small CDM: vocabulary, persons, measurements, observations, conditions."""
    concept = [
        {
            "concept_id": number,
            "vocabulary_id": code.split(":")[0],
            "concept_code": code.split(":", 1)[1],
        }
        for code, number in CONCEPTS.items()
    ]
    tables: dict[str, list[dict[str, object]]] = {
        "concept": concept,
        "person": [],
        "measurement": [],
        "observation": [],
        "condition_occurrence": [],
    }
    for p in people:
        tables["person"].append(
            {
                "person_id": int(p.name),
                "gender_concept_id": 8532 if p.sex == "female" else 8507,
                "gender_source_value": p.sex,
                "year_of_birth": p.birth.year,
                "month_of_birth": p.birth.month,
                "day_of_birth": p.birth.day,
            }
        )
        for r in p.records:
            _omop_row(tables, int(p.name), r)
    return tables


def _omop_row(tables: dict[str, list[dict[str, object]]], person: int, r: Record) -> None:
    stem = {float: "measurement", str: "observation"}.get(type(r.value), "condition")
    day = f"{stem}_start_date" if stem == "condition" else f"{stem}_date"
    row: dict[str, object] = {
        "person_id": person,
        f"{stem}_concept_id": CONCEPTS[r.code],
        day: r.time.date(),
        day + "time": r.time,
    }
    if isinstance(r.value, float):
        unit = {CREATININE: "umol/L", GLUCOSE: "mg/dL"}[r.code]
        row |= {
            "value_as_number": other(r.value, r.code, unit),
            "unit_concept_id": CONCEPTS[f"UCUM:{unit}"],
            "unit_source_value": "?",
        }
    elif isinstance(r.value, str):
        row |= {"value_as_concept_id": CONCEPTS[ANSWERS[r.value]], "value_as_string": None}
    tables["condition_occurrence" if stem == "condition" else stem].append(row)


def write_omop(folder: Path, people: Sequence[Patient]) -> str:
    """A CDM as a folder of CSV files, named in capitals."""
    (folder / "cdm").mkdir()
    for name, rows in omop_tables(people).items():
        if not rows:
            continue
        heading = ",".join(rows[0])
        lines = [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
        (folder / "cdm" / f"{name.upper()}.csv").write_text("\n".join([heading, *lines]) + "\n")
    return '[dataset]\nkind = "omop"\npath = "cdm"\n'


KINDS: dict[str, Write] = {
    "wide": write_wide,
    "rows": write_rows,
    "fhir": write_fhir,
    "meds": write_meds,
    "omop": write_omop,
}
"""Name of a hospital -> how it keeps its data."""


def write_site(folder: Path, kind: str, people: Sequence[Patient]) -> Path:
    """Write one hospital's data and dataset.toml; return the latter."""
    folder.mkdir(parents=True)
    (folder / "dataset.toml").write_text(KINDS[kind](folder, people))
    return folder / "dataset.toml"
