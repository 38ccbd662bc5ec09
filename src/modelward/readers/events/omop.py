"""OMOP CDM 5.4, of any store of omop_store.py, to events and patients.

A code of the study becomes concept ids by the site's own vocabulary: the concepts that are
written so, those they map to (`Maps to`), and the descendants of all of them where
CONCEPT_ANCESTOR is filled. A site without vocabulary, or with concepts of its own, names
concept ids under `[codes]`. Records match by their standard or their source concept.

Source: OHDSI, Common Data Model 5.4 (ohdsi.github.io/CommonDataModel), and the Book of OHDSI,
chapter 5. Only the tables and columns named below are read.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import duckdb

from modelward.core.codes import BY_PREFIX, bare
from modelward.readers.dataset import Dataset
from modelward.readers.events import omop_store
from modelward.readers.events.omop_store import Store
from modelward.readers.events.wanted import VOCABULARIES, Wanted
from modelward.readers.record import (
    PATH,
    Event,
    Person,
    add_events,
    add_patients,
    listed,
    quoted,
    sex_of,
    unreadable,
)

DOMAINS: dict[str, tuple[str, str]] = {
    "measurement": ("measurement", "measurement_date"),
    "observation": ("observation", "observation_date"),
    "condition_occurrence": ("condition", "condition_start_date"),
    "drug_exposure": ("drug", "drug_exposure_start_date"),
    "procedure_occurrence": ("procedure", "procedure_date"),
    "device_exposure": ("device", "device_exposure_start_date"),
    "visit_occurrence": ("visit", "visit_start_date"),
}
"""Table -> stem of its concept columns, and its date."""

OPTIONAL = ("value_as_number", "value_as_string", "value_as_concept_id", "unit_concept_id",
            "unit_source_value")  # fmt: skip

SEX_CONCEPTS = {8507: "male", 8532: "female", 8521: "other"}
"""Standard gender concepts."""

Meanings = Mapping[int, tuple[str, ...]]
"""Concept id -> codes of the study that it stands for."""


@dataclass(frozen=True, slots=True)
class _Names:
    """What concepts are called: units as UCUM codes, answers as SYSTEM:CODE."""

    units: Mapping[int, str]
    answers: Mapping[int, str]


def load(
    connection: duckdb.DuckDBPyConnection, path: Path, dataset: Dataset, wanted: Wanted
) -> tuple[str, ...]:
    """Add what a study wants of the CDM that `dataset` names; return notes.

    Raises:
        DataError: If the store cannot be read or has no persons.
        MissingExtra: If it is PostgreSQL and the driver is not installed.
    """
    store = _open(path, dataset)
    try:
        if "person" not in store.tables:
            raise unreadable(store.what, "there is no table PERSON", omop_store.ELSEWHERE)
        meanings = _meanings(store, wanted)
        events = (
            event
            for table in DOMAINS
            if table in store.tables
            for event in _events(store, table, meanings)
        )
        add_events(connection, events)
        add_patients(connection, _people(store, dataset.values.get("sex", {})))
    except omop_store.FAILED as error:
        raise omop_store.refused(store.what, error) from error
    finally:
        store.close()
    if "concept" in store.tables:
        return ()
    return ("There is no CONCEPT table: only concept ids under [codes] are found.",)


def _open(path: Path, dataset: Dataset) -> Store:
    source = dataset.dataset
    if source.url_env is not None:
        url = os.environ.get(source.url_env)
        if not url:
            says = "this environment variable is not set"
            raise unreadable(source.url_env, says, omop_store.ADDRESS.format(source.url_env))
        return omop_store.open_postgres(url, source.database_schema)
    if path.is_dir():
        return omop_store.open_folder(path)
    if not path.is_file():
        raise unreadable(str(path), "there is no such file or folder", PATH)
    with path.open("rb") as stream:
        if stream.read(15) == b"SQLite format 3":
            return omop_store.open_sqlite(path)
    return omop_store.open_duckdb(path, source.database_schema)


def _meanings(store: Store, wanted: Wanted) -> Meanings:
    """Return the concepts that stand for the study's codes at this site."""
    found: dict[int, set[str]] = {}
    for local in wanted.local:
        if local.isdigit():
            found.setdefault(int(local), set()).update(wanted.matches([local]))
    if "concept" in store.tables:
        _named(store, wanted, found)
    if "concept_relationship" in store.tables:
        _follow(store, found, "concept_relationship", "concept_id_1", "concept_id_2",
                " AND relationship_id = 'Maps to'")  # fmt: skip
    if "concept_ancestor" in store.tables:
        _follow(store, found, "concept_ancestor", "ancestor_concept_id",
                "descendant_concept_id", "")  # fmt: skip
    return {concept: tuple(sorted(codes)) for concept, codes in found.items() if concept}


def _named(store: Store, wanted: Wanted, found: dict[int, set[str]]) -> None:
    """Add the concepts that are written as the study writes its codes."""
    conditions = [_written(code) for code in wanted.codes if not code.startswith("Patient:")]
    if not conditions:
        return
    rows = store.select(
        "SELECT concept_id, vocabulary_id, concept_code FROM concept WHERE "
        + " OR ".join(conditions)
    )
    for concept, vocabulary, code in rows:
        system = VOCABULARIES.get(vocabulary, vocabulary)
        meant = wanted.matches([f"{system}:{code}"])
        found.setdefault(int(concept), set()).update(meant)


def _written(code: str) -> str:
    """Return the SQL condition for concepts that are written as `code`, or below it."""
    system, _, rest = bare(code).partition(":")
    names = listed(name for name, ours in VOCABULARIES.items() if ours == system)
    if system in BY_PREFIX:
        return f"(vocabulary_id IN {names} AND replace(concept_code, '.', '') LIKE '{rest}%')"
    return f"(vocabulary_id IN {names} AND concept_code = {quoted(rest)})"


def _follow(
    store: Store, found: dict[int, set[str]], table: str, start: str, end: str, only: str
) -> None:  # fmt: skip
    """Give what stands at the `end` of a row the meaning of what stands at its `start`."""
    if not found:
        return
    known = ", ".join(str(concept) for concept in sorted(found))
    rows = list(
        store.select(f"SELECT {start}, {end} FROM {table} WHERE {start} IN ({known}){only}")
    )
    for here, there in rows:
        found.setdefault(int(there), set()).update(found[int(here)])


def _events(store: Store, table: str, meanings: Meanings) -> Iterator[Event]:
    if not meanings:
        return
    stem, day = DOMAINS[table]
    columns = store.tables[table]
    source = f"{stem}_source_concept_id"
    moment = day.removesuffix("date") + "datetime"
    asked = ["person_id", f"{stem}_concept_id"]
    asked += [each if each in columns else "NULL" for each in (source, moment, day, *OPTIONAL)]
    ids = ", ".join(str(concept) for concept in sorted(meanings))
    condition = f"{stem}_concept_id IN ({ids})"
    if source in columns:
        condition += f" OR {source} IN ({ids})"
    names = _names(store, table)
    for row in store.select(f"SELECT {', '.join(asked)} FROM {table} WHERE {condition}"):
        yield from _of_row(row, meanings, names)


def _of_row(row: tuple[Any, ...], meanings: Meanings, names: _Names) -> Iterator[Event]:
    person, concept, source, moment, day, number, text, answer, unit, unit_text = row
    codes = (*meanings.get(_int(concept), ()), *meanings.get(_int(source), ()))
    said = names.answers.get(_int(answer)) or (None if text in (None, "") else str(text))
    for code in dict.fromkeys(codes):
        yield Event(
            patient=str(person),
            time=_moment(moment) or _moment(day),
            code=code,
            number=None if number in (None, "") else float(number),
            text=said,
            unit=names.units.get(_int(unit)) or (unit_text or None),
        )


def _names(store: Store, table: str) -> _Names:
    """Return what the units and answers of a table are called."""
    if "concept" not in store.tables:
        return _Names({}, {})
    columns = store.tables[table]

    def concepts(column: str) -> Iterable[tuple[Any, ...]]:
        if column not in columns:
            return []
        return store.select(
            "SELECT concept_id, vocabulary_id, concept_code FROM concept "
            f"WHERE concept_id IN (SELECT DISTINCT {column} FROM {table})"
        )

    units = {int(c): str(code) for c, v, code in concepts("unit_concept_id") if v == "UCUM"}
    answers = {
        int(concept): f"{VOCABULARIES[vocabulary]}:{code}"
        for concept, vocabulary, code in concepts("value_as_concept_id")
        if vocabulary in VOCABULARIES and int(concept)
    }
    return _Names(units, answers)


def _people(store: Store, sexes: Mapping[str, str]) -> Iterator[Person]:
    deaths: dict[str, date | None] = {}
    if "death" in store.tables:
        for person, day in store.select("SELECT person_id, death_date FROM death"):
            found = _moment(day)
            deaths[str(person)] = found.date() if found else None
    rows = store.select(
        "SELECT person_id, gender_concept_id, gender_source_value, year_of_birth, "
        "month_of_birth, day_of_birth FROM person"
    )
    for person, gender, written, year, month, day in rows:
        yield Person(
            str(person),
            SEX_CONCEPTS.get(_int(gender)) or sex_of(written, dict(sexes)),
            _birth(_int(year), _int(month), _int(day)),
            deaths.get(str(person)),
        )


def _birth(year: int, month: int, day: int) -> date | None:
    """Return the day of birth; the middle of the year or month where no more is known."""
    if not year:
        return None
    return date(year, month or 7, day or (15 if month else 1))


def _int(value: Any) -> int:  # noqa: ANN401 - text in CSV, a number in databases
    return 0 if value in (None, "") else int(value)


def _moment(value: Any) -> datetime | None:  # noqa: ANN401 - text in CSV, a date in databases
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime.combine(value, time())
    return datetime.fromisoformat(str(value)).replace(tzinfo=None) if value else None
