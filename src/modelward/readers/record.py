"""What every clinical store becomes: one view of events and one view of patients.

    events     patient, time, code, number, text, unit      one row per record and study code
    patients   patient, sex, birth, death                   one row per person

`code` is a code of the study (wanted.py); a record that stands for two is there twice.
`number` is the value in the unit that the store names (`unit`, as it is written there);
`text` is a coded or written answer. Times are wall-clock time at the site, without zone.
Both live in a DuckDB connection in this process, and end with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import TypeVar

import duckdb
import numpy as np

from modelward.errors import DataError

SCHEMA = """
CREATE TABLE events (patient VARCHAR NOT NULL, time TIMESTAMP, code VARCHAR NOT NULL,
    number DOUBLE, text VARCHAR, unit VARCHAR);
CREATE TABLE patients (patient VARCHAR NOT NULL, sex VARCHAR, birth DATE, death DATE);
"""

Item = TypeVar("Item")

BATCH = 100_000
"""Rows that are held as Python objects at a time."""

SEXES = {
    "female": "female", "f": "female", "w": "female", "weiblich": "female", "femme": "female",
    "femminile": "female", "vrouw": "female", "male": "male", "m": "male", "männlich": "male",
    "homme": "male", "maschile": "male", "man": "male", "other": "other", "divers": "other",
}  # fmt: skip
"""How stores write the sex, in lower case -> the level; anything else is not known."""


@dataclass(frozen=True, slots=True)
class Event:
    """One record under one code of the study.

    Attributes:
        patient: Id as the store spells it.
        time: When it took effect; None if the store does not say.
        code: A code of the study.
        number: Value in `unit`; None if it is no number.
        text: Coded answer `SYSTEM:CODE` or written one; None if there is none.
        unit: As the store writes it.
    """

    patient: str
    time: datetime | None
    code: str
    number: float | None = None
    text: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One patient: id as the store spells it, `female` or `male`, and two dates."""

    patient: str
    sex: str | None
    birth: date | None
    death: date | None


def open_record() -> duckdb.DuckDBPyConnection:
    """Return a connection with the two views, empty. Nothing is written to disk."""
    connection = duckdb.connect(config={"threads": 2, "temp_directory": ""})
    connection.execute("SET enable_progress_bar = false")
    connection.execute(SCHEMA)
    return connection


def add_events(connection: duckdb.DuckDBPyConnection, events: Iterable[Event]) -> None:
    """Add `events` to the view, in batches."""
    for batch in _batches(events):
        rows = {
            "patient": np.array([e.patient for e in batch], object),
            "time": np.array([e.time for e in batch], "datetime64[us]"),
            "code": np.array([e.code for e in batch], object),
            "number": np.array([_nan(e.number) for e in batch], np.float64),
            "text": np.array([e.text for e in batch], object),
            "unit": np.array([e.unit for e in batch], object),
        }
        connection.register("batch", rows)
        connection.execute(
            "INSERT INTO events SELECT patient, time, code, number, text, unit FROM batch"
        )
        connection.unregister("batch")


def add_patients(connection: duckdb.DuckDBPyConnection, people: Iterable[Person]) -> None:
    """Add `people` to the view, in batches."""
    for batch in _batches(people):
        rows = {
            "patient": np.array([p.patient for p in batch], object),
            "sex": np.array([p.sex for p in batch], object),
            "birth": np.array([p.birth for p in batch], "datetime64[us]"),
            "death": np.array([p.death for p in batch], "datetime64[us]"),
        }
        connection.register("batch", rows)
        connection.execute(
            "INSERT INTO patients SELECT patient, sex, birth::DATE, death::DATE FROM batch"
        )
        connection.unregister("batch")


def sex_of(text: str | None, values: dict[str, str]) -> str | None:
    """Return the level for a sex as a store writes it; None if it is not known."""
    if text is None:
        return None
    return values.get(text, SEXES.get(text.strip().lower()))


def quoted(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def listed(texts: Iterable[str]) -> str:
    """Return texts as an SQL list in parentheses; one that holds nothing if there are none."""
    return "(" + (", ".join(quoted(text) for text in texts) or "NULL") + ")"


def column(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


AGAIN = "write it again from its source, or correct dataset.toml"
"""What to do with a file that is damaged, or is not what it is taken for."""

PATH = "correct `path` in dataset.toml; it is relative to that file"
"""What to do where nothing is found."""


def unreadable(what: str, says: str, remedy: str = AGAIN) -> DataError:
    """Return the error for a store, or a part of one, that cannot be read."""
    return DataError(
        f"{what}: {says}",
        why="a store that is read in part gives other answers than the whole",
        remedy=remedy,
    )


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _batches(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch
