"""CSV and Parquet files as columns of text, read by DuckDB.

Everything is read as text first and converted by the study's own rules, so a file cannot
change its meaning because a guess about its types came out differently.
"""

import csv
import gzip
import re
import tempfile
import weakref
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import duckdb
import numpy as np
from numpy.typing import NDArray

from modelward.core.faults import Fault, lines, nearest
from modelward.errors import DataError
from modelward.readers.dataset import MISSING

SEPARATORS = ",;\t|"
"""What may stand between the values of a CSV line."""

PARQUET = {".parquet", ".pq"}
"""How a Parquet file is named; anything else is read as CSV."""

_ZIP = b"PK\x03\x04"
"""How a zip archive begins, which an .xlsx is."""

Text = NDArray[np.object_]
"""One column as read: str, or None where missing."""


def text_columns(
    path: Path,
    wanted: Sequence[str],
    *,
    missing: Sequence[str] = MISSING,
    encoding: str = "utf-8",
) -> dict[str, Text]:
    """Return the columns `wanted` of the table at `path` as text.

    Raises:
        DataError: If the file cannot be read or a column is not there.
    """
    try:
        with quiet_connection() as connection:
            relation = open_relation(connection, path, encoding)
            require(path, wanted, relation.columns, encoding)
            chosen = ", ".join(as_text(column, missing) for column in dict.fromkeys(wanted))
            fetched = relation.project(chosen).fetchnumpy()
    except duckdb.Error as error:
        raise unreadable(path, error, encoding) from error
    return {name: plain(column) for name, column in fetched.items()}


def headings(path: Path, encoding: str = "utf-8") -> list[str]:
    """Return the headings of the table at `path`.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        with quiet_connection() as connection:
            return list(open_relation(connection, path, encoding).columns)
    except duckdb.Error as error:
        raise unreadable(path, error, encoding) from error


def require(
    path: Path, wanted: Sequence[str], there: Sequence[str], encoding: str = "utf-8"
) -> None:
    """Raise DataError unless every column is there, and there once.

    Args:
        path: The table.
        wanted: Headings that are asked for.
        there: Headings as DuckDB knows them, which renames the second of two alike.
        encoding: Of the table.
    """
    asked = list(dict.fromkeys(wanted))
    faults = [Fault(name, _absent(name, there)) for name in asked if name not in there]
    if not faults and path.suffix.lower() not in PARQUET:
        written = Counter(name.strip().lower() for name in _first_line(path, encoding))
        faults = [
            Fault(
                name, f"{written[name.lower()]} columns have this heading; rename all but one"
            )
            for name in asked
            if written[name.lower()] > 1
        ]
    if faults:
        raise refuse(path, faults)


def _absent(name: str, there: Sequence[str]) -> str:
    """Return what to do about a heading that is not there."""
    bare = name.strip()
    if bare != name and bare in there:
        return f"headings are read without the blanks around them; write {bare!r}"
    return f"no such column; {nearest(name, there)}"


def refuse(path: Path, faults: Sequence[Fault]) -> DataError:
    """Return the error for a table with `faults`."""
    return DataError(
        lines(str(path), faults),
        why="a value that is guessed or dropped in silence changes the answer",
        remedy="correct the file; a site can also map headings in dataset.toml: "
        "[columns] NAME = 'HEADING'",
    )


def open_relation(
    connection: duckdb.DuckDBPyConnection, path: Path, encoding: str = "utf-8"
) -> duckdb.DuckDBPyRelation:
    """Return the table at `path`; every column of a CSV is text.

    Raises:
        DataError: If there is no such file.
        duckdb.Error: If it cannot be read.
    """
    if not path.is_file():
        raise refuse(path, [Fault("", "there is no such file")])
    if path.suffix.lower() in PARQUET:
        return connection.read_parquet(str(path))
    if (no_table := _no_table(path)) is not None:
        raise refuse(path, [no_table])
    if encoding == "windows-1252":  # DuckDB knows it by a download only
        path, encoding = as_utf_8(connection, path, encoding), "utf-8"
    separator, skip = _separator(path, encoding)
    if encoding != "utf-8":  # the method below knows no other
        return connection.sql(
            f"FROM read_csv('{_literal(path)}', header=true, all_varchar=true, skip={skip}, "
            f"sep='{separator}', quote='\"', escape='\"', encoding='{encoding}')"
        )
    return connection.read_csv(
        str(path),
        header=True,
        all_varchar=True,
        sep=separator,
        quotechar='"',
        escapechar='"',
        skiprows=skip,
    )


def unreadable(path: Path, error: duckdb.Error, encoding: str = "utf-8") -> DataError:
    """Return the error for a file that DuckDB cannot read, with the line where one is known."""
    fault = Fault("", f"cannot be read: {str(error).splitlines()[0]}")
    return refuse(path, [_ragged_line(path, encoding) or _other_end(path, encoding) or fault])


def _no_table(path: Path) -> Fault | None:
    """Return why a file is no CSV at all; DuckDB makes a table of a workbook's bytes."""
    with path.open("rb") as stream:
        start = stream.read(len(_ZIP))
    if not start:
        return Fault("", "is empty: the first line of a table has its headings")
    if start == _ZIP:
        return Fault("", "is a workbook or another archive: save the sheet as CSV (UTF-8)")
    return None


def _other_end(path: Path, encoding: str) -> Fault | None:
    """Return the first line that ends otherwise than the one above it, as edits by hand do."""
    if path.suffix.lower() in PARQUET:
        return None
    with open_text(path, encoding) as stream:
        first = stream.readline().endswith("\r\n")
        other = next((n for n, row in enumerate(stream, 2) if row.endswith("\r\n") != first), 0)
    says = "its lines end in two ways (carriage return and line feed, and line feed alone)"
    return Fault(f"line {other}", f"{says}; save the file with one of them") if other else None


def as_text(column: str, missing: Sequence[str]) -> str:
    """Return the SQL that reads a column as trimmed text, NULL where it means missing."""
    name = '"' + column.replace('"', '""') + '"'
    tokens = ", ".join("'" + token.replace("'", "''") + "'" for token in missing)
    text = f"trim(CAST({name} AS VARCHAR))"
    return (
        f"CASE WHEN {text} IN ({tokens}) THEN NULL ELSE {text} END AS {name}"
        if tokens
        else (f"{text} AS {name}")
    )


def _literal(path: Path) -> str:
    """Return a path inside SQL quotes; brackets and stars in names are no patterns."""
    plain = re.sub(r"([\[\]*?])", r"[\1]", str(path))
    return plain.replace("'", "''")


def as_utf_8(connection: duckdb.DuckDBPyConnection, path: Path, encoding: str) -> Path:
    """Return a copy of the file at `path` in UTF-8, without a name, gone with `connection`.

    Raises:
        DataError: If the file is not in `encoding`.
    """
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the connection, below
    weakref.finalize(connection, copy.close)
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", newline="", encoding=encoding) as stream:
            while part := stream.read(1 << 20):
                copy.write(part.encode())
    except UnicodeDecodeError as error:
        raise refuse(path, [Fault("", f"is not written in {encoding}")]) from error
    copy.flush()
    return Path(f"/proc/self/fd/{copy.fileno()}")


def _separator(path: Path, encoding: str) -> tuple[str, int]:
    """Return what stands between the headings, and the lines before them.

    A comma if nothing does. Excel may write a first line of its own, such as `sep=;`.
    """
    with open_text(path, encoding) as stream:
        first = stream.readline()
    told = re.fullmatch(r"\ufeff?sep=(.)\r?\n?", first)
    if told is not None:
        return told[1], 1
    return max(SEPARATORS, key=first.count), 0


def _first_line(path: Path, encoding: str) -> list[str]:
    """Return the headings of a CSV as they are written."""
    with open_text(path, encoding) as stream:
        separator, skip = _separator(path, encoding)
        rows = csv.reader(stream, delimiter=separator)
        for _ in range(skip):
            next(rows, None)
        return [name.removeprefix("\ufeff") for name in next(rows, [])]


def open_text(path: Path, encoding: str) -> TextIO:
    """Open a CSV file, gzipped or not, as text with its line ends."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", newline="", encoding=encoding, errors="replace")
    return path.open(newline="", encoding=encoding, errors="replace")


def _ragged_line(path: Path, encoding: str) -> Fault | None:
    """Return the first line of a CSV with more or fewer values than there are headings.

    DuckDB does not name it; a decimal comma is the usual cause.
    """
    if path.suffix.lower() in PARQUET:
        return None
    with open_text(path, encoding) as stream:
        separator, skip = _separator(path, encoding)
        rows = csv.reader(stream, delimiter=separator)
        for _ in range(skip):
            next(rows, None)
        width = len(next(rows, []))
        for row in rows:
            if row and len(row) != width:
                said = f"{len(row)} values under {width} headings (a decimal comma?)"
                return Fault(f"line {rows.line_num}", said)
    return None


def quiet_connection(threads: int = 2) -> duckdb.DuckDBPyConnection:
    """Return a connection that draws no progress bar over what a command says."""
    connection = duckdb.connect(config={"threads": threads})
    connection.execute("SET enable_progress_bar = false")
    return connection


def plain(column: NDArray[np.object_]) -> Text:
    """Return a fetched column, masked where NULL, as str and None."""
    text: Text = np.ma.getdata(column).astype(object)
    text[np.ma.getmaskarray(column)] = None
    return text
