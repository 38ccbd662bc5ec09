"""One invented registry of patients after an operation, as three hospitals keep it.

    north   CSV in German: semicolons, decimal commas, Latin-1, µmol/l, hours
    south   Parquet with short headings: mg/dL, follow-up in weeks, stages as numbers
    west    a FHIR export: codes, dates, references; µmol/L and hours with UCUM codes

What the hospitals write is worked out from `Case`, and so is what all of them have together:
nothing here reads what was written.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

STAGES = ("one", "two", "three")
STAGE_CODES = ("SNOMED:258215001", "SNOMED:258219007", "SNOMED:258224005")
HORIZON = 2000
MOLAR = 88.40173
"""µmol/L in one mg/dL of creatinine (113.12 g/mol), to more digits than anybody writes."""

FEATURES = """
[cohort.index]
code = ["SNOMED:80146002"]
[features.age]
type = "number"
unit = "a"
range = [18, 110]
code = ["Patient:age"]
[features.creatinine]
type = "number"
unit = "mg/dL"
range = [0.1, 20]
code = ["LOINC:2160-0"]
window = [-30, 0]
molar_mass = 113.12
resolution = 0.01
[features.stage]
type = "category"
levels = ["one", "two", "three"]
code = ["LOINC:21908-9"]
[features.stage.answers]
one = ["SNOMED:258215001"]
two = ["SNOMED:258219007"]
three = ["SNOMED:258224005"]
[features.treated]
type = "boolean"
code = ["ATC:L01"]
window = [0, 30]
"""

DEATH = """
[target.death]
type = "time-to-event"
horizon = 2000
code = ["Patient:death"]
followed = ["SNOMED:390906007"]
"""
READMITTED = '[target.readmitted]\ncode = ["SNOMED:32485007"]\nwindow = [1, 30]\n'
STAY = """
[target.stay]
type = "number"
unit = "d"
range = [0, 90]
code = ["LOINC:78033-8"]
window = [0, 90]
"""
VISITS = """
[target.visits]
type = "number"
unit = "1"
range = [0, 50]
code = ["SNOMED:185349003"]
window = [-365, -1]
pick = "count"
"""

ANALYSES = {
    "table-one": (READMITTED, 'name = "describe"\noptions = { by = "treated" }'),
    "curves": (DEATH, 'name = "km"\noptions = { width = 95, by = "treated" }'),
    "curves-in-strata": (
        DEATH,
        'name = "km"\nversion = 2\noptions = { width = 95, by = "treated", strata = "stage" }',
    ),
    "hazards": (DEATH, 'name = "cox"\noptions = { ties = "efron" }'),
    "hazards-in-strata": (
        DEATH, 'name = "cox"\noptions = { ties = "efron", strata = "treated" }',
    ),
    "logistic": (READMITTED, 'name = "glm"'),
    "linear": (STAY, 'name = "glm"\noptions = { family = "linear" }'),
    "poisson": (VISITS, 'name = "glm"\noptions = { family = "poisson" }'),
}  # fmt: skip
"""Name of a study -> its target, and its recipe."""

MASKED = '[sites]\nminimum = 3\n[privacy]\naggregation = "secagg"\n'


def study_file(name: str, *, masked: bool = False) -> str:
    """Return the study file of an analysis, in the clear or behind masks."""
    target, recipe = ANALYSES[name]
    own = f"{name}-masked" if masked else name
    return (
        f'[study]\nid = "{own}"\npurpose = "What follows the operation?"\nmin_patients = 10\n'
        f"{FEATURES}{target}[recipe]\n{recipe}\n"
        f'[plan]\nstrategy = "sums"\nrounds = 40\ntest = 0.0\n{MASKED if masked else ""}'
    )


@dataclass(frozen=True)
class Case:
    """One patient, in the units of the study; `creatinine` may be unknown."""

    name: str
    operated: date
    age: int
    creatinine: float | None
    stage: int
    treated: bool
    readmitted: bool
    stay: float
    visits: int
    died: bool
    days: int


def cases(number: int, seed: int) -> list[Case]:
    """Return invented patients; follow-up is in whole weeks, so that many times are equal."""
    draw = np.random.default_rng([seed, 23])
    return [_case(f"{seed}{n:04d}", n, draw) for n in range(number)]


def _case(name: str, n: int, draw: np.random.Generator) -> Case:
    age, stage = int(draw.integers(30, 90)), int(draw.choice(3, p=[0.4, 0.35, 0.25]))
    treated, marker = bool(draw.random() < 0.5), float(draw.normal(1.1, 0.25))
    risk = 0.03 * (age - 60) + 0.5 * stage + 0.6 * (marker - 1.1) - 0.5 * treated
    death, left = draw.exponential(900 * np.exp(-risk)), draw.uniform(100, 2400)
    return Case(
        name=name,
        operated=date(2015, 1, 5) + timedelta(days=int(draw.integers(0, 900))),
        age=age,
        creatinine=None if n % 10 == 3 else round(max(marker, 0.3), 2),
        stage=stage,
        treated=treated,
        readmitted=bool(draw.random() < 1 / (1 + np.exp(0.6 - risk))),
        stay=round(float(np.clip(draw.normal(8 + 2 * stage + 3 * risk, 3), 0.5, 80)) * 24) / 24,
        visits=int(draw.poisson(np.exp(0.4 + 0.3 * risk))),
        died=bool(death <= left),
        days=7 * max(1, round(min(death, left, HORIZON - 40) / 7)),
    )


def write_north(folder: Path, people: Sequence[Case]) -> str:
    """A CSV as a German office program writes it."""

    def comma(value: float) -> str:
        return f"{value:.6f}".replace(".", ",")

    yes = {True: "ja", False: "nein"}
    lines = ["Fall;Alter;Krea;Stadium;Chemo;WA30;Liegedauer;Besuche;verstorben;Tage"]
    for p in people:
        level = "" if p.creatinine is None else comma(p.creatinine * MOLAR)
        lines.append(
            f"{p.name};{p.age};{level};Grad {'I' * (p.stage + 1)};{yes[p.treated]};"
            f"{yes[p.readmitted]};{comma(p.stay * 24)};{p.visits};{yes[p.died]};{p.days}"
        )
    (folder / "fälle.csv").write_text("\n".join(lines) + "\n", "latin-1")
    words = "".join(f'"Grad {"I" * n}" = "{s}"\n' for n, s in enumerate(STAGES, 1))
    return (
        '[dataset]\nkind = "table"\npath = "fälle.csv"\npatient = "Fall"\ndecimal = ","\n'
        'encoding = "latin-1"\n[columns]\nage = "Alter"\ncreatinine = "Krea"\n'
        'stage = "Stadium"\ntreated = "Chemo"\nreadmitted = "WA30"\nstay = "Liegedauer"\n'
        'visits = "Besuche"\ndeath = "verstorben"\ndeath_time = "Tage"\n'
        f'[units]\ncreatinine = "µmol/l"\nstay = "h"\n[values.stage]\n{words}'
        + "".join(
            f'[values.{name}]\nja = "yes"\nnein = "no"\n'
            for name in ("treated", "readmitted", "death")
        )
    )


def write_south(folder: Path, people: Sequence[Case]) -> str:
    """A Parquet file of a research database."""
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE t (pid VARCHAR, yrs INT, cr DOUBLE, stg INT, rx BOOLEAN, "
            "readm INT, los DOUBLE, nvis INT, ev INT, fu DOUBLE)"
        )
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (p.name, p.age, p.creatinine, p.stage, p.treated, int(p.readmitted), p.stay,
                 p.visits, int(p.died), p.days / 7)
                for p in people
            ],
        )  # fmt: skip
        connection.execute(f"COPY t TO '{folder / 'cohort.parquet'}' (FORMAT parquet)")
    levels = "".join(f'"{n}" = "{stage}"\n' for n, stage in enumerate(STAGES))
    return (
        '[dataset]\nkind = "table"\npath = "cohort.parquet"\npatient = "pid"\n'
        '[columns]\nage = "yrs"\ncreatinine = "cr"\nstage = "stg"\ntreated = "rx"\n'
        'readmitted = "readm"\nstay = "los"\nvisits = "nvis"\ndeath = "ev"\n'
        f'death_time = "fu"\n[units]\ndeath_time = "wk"\n[values.stage]\n{levels}'
    )


SYSTEMS = {
    "LOINC": "http://loinc.org",
    "SNOMED": "http://snomed.info/sct",
    "ATC": "http://www.whocc.no/atc",
}


def _concept(code: str) -> dict[str, Any]:
    system, _, bare = code.partition(":")
    return {"coding": [{"system": SYSTEMS[system], "code": bare}]}


def _resources(p: Case) -> list[dict[str, Any]]:
    subject = {"subject": {"reference": f"Patient/{p.name}"}}

    def day(after: int) -> str:
        return str(p.operated + timedelta(days=after))

    def seen(code: str, after: int, **value: Any) -> dict[str, Any]:
        return {"resourceType": "Observation", "status": "final", "code": _concept(code),
                "effectiveDateTime": day(after), **subject, **value}  # fmt: skip

    def amount(value: float, unit: str) -> dict[str, Any]:
        return {"value": value, "unit": unit, "code": unit,
                "system": "http://unitsofmeasure.org"}  # fmt: skip

    def stay(code: str, after: int) -> dict[str, Any]:
        return {"resourceType": "Encounter", "status": "finished", "type": [_concept(code)],
                "period": {"start": day(after)}, **subject}  # fmt: skip

    person: dict[str, Any] = {"resourceType": "Patient", "id": p.name,
              "birthDate": f"{p.operated.year - p.age}-01-01",
              **({"deceasedDateTime": day(p.days)} if p.died else {})}  # fmt: skip
    level = amount(round((p.creatinine or 0) * MOLAR, 4), "umol/L")
    cure = {"resourceType": "MedicationAdministration", "status": "completed",
            "medicationReference": {"reference": "Medication/cure"},
            "effectiveDateTime": day(6), **subject}  # fmt: skip
    back = {"resourceType": "Condition", "code": _concept("SNOMED:32485007"),
            "onsetDateTime": day(20), **subject}  # fmt: skip
    return [
        person,
        {"resourceType": "Procedure", "status": "completed", "performedDateTime": day(0),
         "code": _concept("SNOMED:80146002"), **subject},
        seen("LOINC:21908-9", 0, valueCodeableConcept=_concept(STAGE_CODES[p.stage])),
        seen("LOINC:78033-8", 5, valueQuantity=amount(p.stay * 24, "h")),
        *[seen("LOINC:2160-0", -2, valueQuantity=level)] * (p.creatinine is not None),
        *[cure] * p.treated,
        *[back] * p.readmitted,
        *(stay("SNOMED:185349003", -10 - 3 * n) for n in range(p.visits)),
        *[stay("SNOMED:390906007", p.days)] * (not p.died),
    ]  # fmt: skip


def write_west(folder: Path, people: Sequence[Case]) -> str:
    """A Bulk Export: a file for every type of resource."""
    cure = {"resourceType": "Medication", "id": "cure", "code": _concept("ATC:L01XA01")}
    files: dict[str, list[str]] = {}
    for resource in [cure, *(each for p in people for each in _resources(p))]:
        files.setdefault(str(resource["resourceType"]), []).append(json.dumps(resource))
    (folder / "export").mkdir()
    for kind, lines in files.items():
        (folder / "export" / f"{kind}.ndjson").write_text("\n".join(lines) + "\n")
    return '[dataset]\nkind = "fhir"\npath = "export"\n'


WRITERS: dict[str, Callable[[Path, Sequence[Case]], str]] = {
    "north": write_north,
    "south": write_south,
    "west": write_west,
}
"""Name of a hospital -> how it keeps its registry."""

PEOPLE = {name: cases(n, seed) for seed, (name, n) in
          enumerate({"north": 170, "south": 150, "west": 160}.items(), 1)}  # fmt: skip
"""Name of a hospital -> its patients."""


def write_hospital(folder: Path, name: str) -> Path:
    """Write the registry and dataset.toml of one hospital; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.toml").write_text(WRITERS[name](folder, PEOPLE[name]), "utf-8")
    return folder


@dataclass(frozen=True)
class Together:
    """What all hospitals have in one table; x as the study's columns, unknown values filled.

    Attributes:
        names: Of the columns of `x`, in the order of the study.
        x: [n, 5]; an unknown creatinine is the mean of all that are known.
        where: Number of each patient's hospital.
        cases: The patients.
    """

    names: tuple[str, ...]
    x: NDArray[np.float64]
    where: NDArray[np.int64]
    cases: tuple[Case, ...]

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one attribute of all patients; NaN where it is unknown."""
        found = [getattr(case, name) for case in self.cases]
        return np.array([np.nan if each is None else each for each in found], np.float64)


def together() -> Together:
    """Return the patients of all hospitals in the order of their names."""
    everybody = tuple(case for name in sorted(PEOPLE) for case in PEOPLE[name])
    sizes = [len(PEOPLE[name]) for name in sorted(PEOPLE)]
    known = [c.creatinine for c in everybody if c.creatinine is not None]
    mean = float(np.mean(known))
    x = [
        (c.age, mean if c.creatinine is None else c.creatinine, c.stage == 1, c.stage == 2,
         c.treated)
        for c in everybody
    ]  # fmt: skip
    return Together(
        names=("age", "creatinine", "stage=two", "stage=three", "treated"),
        x=np.array(x, np.float64),
        where=np.repeat(np.arange(len(sizes)), sizes),
        cases=everybody,
    )
