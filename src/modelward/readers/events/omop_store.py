"""Where an OMOP CDM lies: a folder of CSV or Parquet, or a database of three kinds.

DuckDB, SQLite, PostgreSQL and folders all answer the same plain SELECT, read only. Tables
and columns are named in lower case, as CDM 5.4 documents them; extracts that shout
(PERSON.csv) are heard.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import duckdb

from modelward.errors import DataError, MissingExtra
from modelward.readers.record import AGAIN, PATH, column, quoted, unreadable

Rows = Iterator[tuple[Any, ...]]

CHUNK = 50_000
"""Rows fetched at a time."""

NAMES = frozenset({"vocabulary_id", "domain_id", "concept_class_id", "relationship_id"})
"""Columns that end in _id and hold words."""

FAILED = (duckdb.Error, sqlite3.Error, OSError)
"""What stores in files raise when they cannot answer; PostgreSQL's errors are caught here."""

ELSEWHERE = (
    "name the schema of the CDM under `database_schema`, correct `path`, or give the account "
    "SELECT on the tables"
)
ADDRESS = "export {}=postgresql://USER:PASSWORD@HOST:5432/DATABASE where this is run"
UNANSWERED = "check host, port, database and password in the address, and the way to the server"

REMEDIES = {
    "permission denied": "give the account SELECT on the tables of the CDM, and on its schema",
    "locked": "close the program that writes to it, or name a copy of it as `path`",
    "conflicting lock": "close the program that writes to it, or name a copy of it as `path`",
    "column": "is it CDM 5.4? rename the column at the source, or make a view that has it",
    "does not exist": ELSEWHERE,
    "no such table": ELSEWHERE,
    "timed out": "ask again when the server is free; nothing was kept",
}
"""Words in a store's error -> what helps."""


@dataclass(frozen=True, slots=True)
class Store:
    """One CDM.

    Attributes:
        what: File, folder or server, without user and password.
        tables: Table -> its columns.
        select: Runs one SELECT and yields its rows.
        close: Ends the connection.
    """

    what: str
    tables: Mapping[str, frozenset[str]]
    select: Callable[[str], Rows]
    close: Callable[[], None]


def open_folder(path: Path) -> Store:
    """Return the store of a folder with one CSV or Parquet file per table.

    Raises:
        DataError: If there is none, or one cannot be read.
    """
    connection = duckdb.connect(config={"threads": 2})
    found: dict[str, frozenset[str]] = {}
    for file in sorted(path.iterdir()) if path.is_dir() else []:
        name = file.name.split(".")[0].lower()
        ending = file.name.lower().removesuffix(".gz").rpartition(".")[2]
        if ending not in {"csv", "parquet"}:
            continue
        try:
            found[name] = _view(connection, name, file, ending)
        except duckdb.Error as error:
            raise refused(str(file), error) from error
    if not found:
        raise unreadable(str(path), "there is no .csv or .parquet file", PATH)
    return Store(str(path), found, _from(connection.execute), connection.close)


def open_duckdb(path: Path, schema: str) -> Store:
    """Return the store of a DuckDB database, opened read only.

    Raises:
        DataError: If it cannot be opened.
    """
    try:
        connection = duckdb.connect(str(path), read_only=True)
        if schema:
            connection.execute(f"USE {column(schema)}")
        names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        tables = {
            str(name).lower(): _columns(connection, f"DESCRIBE {column(name)}")
            for name in names
        }
    except duckdb.Error as error:
        raise refused(str(path), error) from error
    return Store(str(path), tables, _from(connection.execute), connection.close)


def open_sqlite(path: Path) -> Store:
    """Return the store of an SQLite database, opened read only.

    Raises:
        DataError: If it cannot be opened.
    """
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        with closing(connection.execute("SELECT name FROM sqlite_master")) as cursor:
            names = [str(row[0]) for row in cursor.fetchall()]
        tables = {
            name.lower(): frozenset(
                str(row[1]).lower()
                for row in connection.execute(f"PRAGMA table_info({column(name)})").fetchall()
            )
            for name in names
        }
    except sqlite3.Error as error:
        raise refused(str(path), error) from error
    return Store(str(path), tables, _from(connection.execute), connection.close)


def open_postgres(url: str, schema: str) -> Store:
    """Return the store of a PostgreSQL server; the transaction is read only.

    Args:
        url: postgresql://user:password@host:port/database.
        schema: Of the CDM's tables; `public` if empty.

    Raises:
        DataError: If the server cannot be reached.
        MissingExtra: If the driver is not installed.
    """
    try:
        import pg8000.dbapi as driver  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise MissingExtra(
            "the PostgreSQL driver is not installed",
            why="it is needed at sites with such a database only",
            remedy="pip install 'modelward[postgres]'",
        ) from error
    parts = urlsplit(url)
    what = f"postgresql://{parts.hostname}:{parts.port or 5432}{parts.path}"
    try:
        connection = driver.connect(
            user=unquote(parts.username or ""),
            password=unquote(parts.password or "") or None,
            host=parts.hostname,
            port=parts.port or 5432,
            database=parts.path.lstrip("/"),
            timeout=600,
        )
        cursor = connection.cursor()
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(f"SET search_path TO {column(schema or 'public')}")
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            f"WHERE table_schema = {quoted(schema or 'public')}"
        )
        tables: dict[str, set[str]] = {}
        for table, name in cursor.fetchall():
            tables.setdefault(table, set()).add(name)
    except (driver.Error, OSError) as error:
        raise unreadable(what, f"does not answer: {_said(error)}", UNANSWERED) from error

    def select(query: str) -> Rows:
        running = connection.cursor()
        try:
            running.execute(query)
            while chunk := running.fetchmany(CHUNK):
                yield from chunk
        except (driver.Error, OSError) as error:
            raise refused(what, error) from error

    def close() -> None:
        with suppress(driver.Error, OSError):
            connection.close()

    return Store(what, {k: frozenset(v) for k, v in tables.items()}, select, close)


def refused(what: str, error: Exception) -> DataError:
    """Return the error for a store that raised `error`, with what helps against it.

    Args:
        what: File, folder or server.
        error: Of DuckDB, SQLite, or PostgreSQL, whose errors are tables with the message as M.
    """
    says = _said(error)
    heard = says.lower()
    helps = next((remedy for word, remedy in REMEDIES.items() if word in heard), AGAIN)
    return unreadable(what, says, helps)


def _said(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    says = str(told.get("M", error) if isinstance(told, dict) else error)
    return says.partition("\n")[0] or type(error).__name__


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, file: Path, ending: str
) -> frozenset[str]:
    """Make a view of one file; ids of a CSV are whole numbers, all else stays text."""
    read = f"read_parquet({quoted(str(file))})"
    if ending == "csv":
        read = f"read_csv({quoted(str(file))}, all_varchar=true, header=true)"
    names = [str(row[0]) for row in connection.execute(f"DESCRIBE FROM {read}").fetchall()]
    chosen = [
        f"{column(each)}::BIGINT AS {column(each.lower())}"
        if ending == "csv" and each.lower().endswith("_id") and each.lower() not in NAMES
        else f"{column(each)} AS {column(each.lower())}"
        for each in names
    ]
    connection.execute(f"CREATE VIEW {column(name)} AS SELECT {', '.join(chosen)} FROM {read}")
    return frozenset(each.lower() for each in names)


def _from(execute: Callable[[str], Any]) -> Callable[[str], Rows]:
    """Return a function that runs a SELECT and yields its rows in chunks."""

    def select(query: str) -> Rows:
        cursor = execute(query)
        while chunk := cursor.fetchmany(CHUNK):
            yield from chunk

    return select


def _columns(connection: duckdb.DuckDBPyConnection, describe: str) -> frozenset[str]:
    return frozenset(str(row[0]).lower() for row in connection.execute(describe).fetchall())
