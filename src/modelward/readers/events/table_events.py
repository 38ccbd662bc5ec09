"""Tables whose rows are events: laboratory exports, diagnosis lists, with a table of persons.

Headings, decimal mark, encoding and the way dates are written are the site's own, as
dataset.toml says; codes are its own too, mapped under `[codes]`. Read by DuckDB in a stream;
only rows with a code that the study wants are kept.
"""

import re
from pathlib import Path

import duckdb
import numpy as np

from modelward.core.faults import Fault, lines
from modelward.errors import DataError
from modelward.readers.dataset import Dataset, Events, Patients
from modelward.readers.events.wanted import Wanted
from modelward.readers.record import (
    Person,
    add_patients,
    column,
    quoted,
    sex_of,
    unreadable,
)
from modelward.readers.tables import grouped
from modelward.readers.tables.text_columns import as_text, open_relation, require

EVENTS = "name the columns under [events]: code, time, and where there are any value and unit"


def load(
    connection: duckdb.DuckDBPyConnection, path: Path, dataset: Dataset, wanted: Wanted
) -> tuple[str, ...]:
    """Add what a study wants of the table of events at `path`.

    Raises:
        DataError: If a file cannot be read, a column is not there, or a date is none.
    """
    events = dataset.events
    if events is None:
        raise unreadable(str(path), "dataset.toml has no [events]", EVENTS)
    try:
        _events(connection, path, dataset, events, wanted)
        if dataset.patients is not None:
            _patients(connection, Path(dataset.patients.path), dataset, dataset.patients)
    except duckdb.Error as error:
        raise unreadable(str(path), str(error).splitlines()[0]) from error
    return ()


def _events(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    dataset: Dataset,
    events: Events,
    wanted: Wanted,
) -> None:
    source = dataset.dataset
    patient = source.patient or ""
    optional = [each for each in (events.value, events.unit) if each]
    names = [patient, events.code, events.time, *optional]
    relation = open_relation(connection, path, source.encoding)
    require(path, names, relation.columns, source.encoding)
    chosen = ", ".join(as_text(name, source.missing) for name in dict.fromkeys(names))
    relation.project(chosen).create_view("rows")
    code, time = column(events.code), column(events.time)
    seen = connection.execute(f"SELECT DISTINCT {code} FROM rows WHERE {code} IS NOT NULL")
    prefix = f"{events.system}:" if events.system else ""
    pairs = [
        (c, meant) for (c,) in seen.fetchall() for meant in wanted.matches([c, prefix + c])
    ]
    connection.register("asked", {
        "given": np.array([given for given, _ in pairs], object),
        "meant": np.array([meant for _, meant in pairs], object),
    })  # fmt: skip
    value = column(events.value) if events.value else "NULL"
    unit = column(events.unit) if events.unit else "NULL"
    number = decimal_sql(value, source.decimal, source.thousands)
    _check_times(connection, path, "events.time", time, source.dates)
    connection.execute(
        f"INSERT INTO events SELECT {column(patient)}, {_time(time, source.dates)}, meant, "
        f"{number}, CASE WHEN {number} IS NULL THEN {value} END, {unit} "
        f"FROM rows JOIN asked ON {code} = given WHERE {column(patient)} IS NOT NULL"
    )
    connection.unregister("asked")
    connection.execute("DROP VIEW rows")


def decimal_sql(value: str, decimal: str, thousands: str = "") -> str:
    """Return the SQL of a number written as text; NULL where it is none."""
    if value == "NULL":
        return "NULL::DOUBLE"
    value = grouped.sql(value, thousands, decimal)
    plain = value if decimal == "." else f"replace({value}, ',', '.')"
    pattern = r"^[+-]?[0-9]*[.]?[0-9]+([eE][+-]?[0-9]+)?$"
    return (
        f"CASE WHEN regexp_matches({plain}, '{pattern}') THEN TRY_CAST({plain} AS DOUBLE) END"
    )


SPREADSHEET = (
    "these are days as a spreadsheet counts them: give the column the format of a date "
    "there, such as 2026-03-31, and export again"
)

SERIAL = re.compile(r"[1-5][0-9]{4}([.,][0-9]+)?")
"""A day as spreadsheets count them, from 1900: 45321 is the 30th of January 2024."""


def _check_times(
    connection: duckdb.DuckDBPyConnection, path: Path, key: str, time: str, dates: str
) -> None:
    """Raise DataError, with a count and the first one, where a time is no time."""
    view = "rows" if key.startswith("events.") else "persons"
    bad, first = connection.execute(
        f"SELECT count(*), min({time}) FROM {view} "
        f"WHERE {time} IS NOT NULL AND {_time(time, dates)} IS NULL"
    ).fetchone() or (0, None)
    if bad:
        written = dates or "an ISO date, such as 2026-03-31"
        raise DataError(
            lines(
                str(path),
                [Fault(key, f"{bad} values, such as {first!r}, are not {written}")],
            ),
            why="an event at an unknown time would fall into no window",
            remedy=SPREADSHEET
            if SERIAL.fullmatch(str(first))
            else "say how dates are written: [dataset] dates = '%d.%m.%Y'",
        )


def _time(time: str, dates: str) -> str:
    """Return the SQL of a time written as text; NULL where it is none."""
    if not dates:
        return f"TRY_CAST({time} AS TIMESTAMP)"
    return f"TRY_STRPTIME({time}, {quoted(dates)})"


def _patients(
    connection: duckdb.DuckDBPyConnection, path: Path, dataset: Dataset, patients: Patients
) -> None:
    source = dataset.dataset
    optional = (patients.sex, patients.birth, patients.death)
    names = [patients.patient, *(each for each in optional if each)]
    relation = open_relation(connection, path, source.encoding)
    require(path, names, relation.columns, source.encoding)
    chosen = ", ".join(as_text(name, source.missing) for name in dict.fromkeys(names))
    relation.project(chosen).create_view("persons")
    for key, day in (("birth", patients.birth), ("death", patients.death)):
        if day:
            _check_times(connection, path, f"patients.{key}", column(day), source.dates)
    sex, birth, death = (column(each) if each else "NULL" for each in optional)
    rows = connection.execute(
        f"SELECT {column(patients.patient)}, {sex}, {_day(birth, source.dates)}, "
        f"{_day(death, source.dates)} FROM persons"
    ).fetchall()
    connection.execute("DROP VIEW persons")
    sexes = dataset.values.get("sex", {})
    add_patients(
        connection,
        (
            Person(str(who), sex_of(what, sexes), born, died)
            for who, what, born, died in rows
            if who
        ),
    )


def _day(day: str, dates: str) -> str:
    return "NULL::DATE" if day == "NULL" else f"{_time(day, dates)}::DATE"
