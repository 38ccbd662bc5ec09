"""Columns of a table as values already, where DuckDB can read every text of the column.

A table of millions of rows is not made into millions of Python texts: numbers, yes and no, and
levels are converted while the file is read, by the rules of values.py, and only a column with
a text that breaks a rule is read again as text, so that the fault can name its line. Both ways
give the same values, bit for bit (tests/unit/readers/test_cells.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from modelward.readers.dataset import Source
from modelward.readers.opt_out import OptOut
from modelward.readers.plausible import FEW, Told
from modelward.readers.record import listed, quoted
from modelward.readers.tables import grouped
from modelward.readers.tables.text_columns import (
    Text,
    as_text,
    open_relation,
    plain,
    quiet_connection,
    require,
    unreadable,
)
from modelward.readers.tables.values import FALSE, TRUE

BAD = -2
"""Code of a text that breaks the rule of its column."""

LOOKED_AT = 20_000
"""Rows whose numbers are looked at for marks for thousands."""

MISSING = -1
"""Code of a value that is not known."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What one column should hold.

    Attributes:
        heading: Its heading in the file.
        kind: Numbers, yes and no, or one of `levels`.
        levels: Every level of a category.
        words: Text of the site -> the study's; what maps to '' is missing.
    """

    heading: str
    kind: Literal["number", "boolean", "level"]
    levels: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Columns that could be read.

    Attributes:
        rows: In the file.
        read: Name -> float64 for numbers and yes/no, NaN where missing; for levels their number
            in `Ask.levels`. Columns with a text that breaks a rule are not here.
        out: Where the patient opted out.
        repeated: Rows whose patient is in an earlier one, or that name no patient.
        patients: The patient of every row as text, if it was asked for.
        told: Columns that look as if they had marks for thousands.
    """

    rows: int
    read: Mapping[str, NDArray[np.float64]]
    out: NDArray[np.bool_] | None
    repeated: int
    patients: Text | None = None
    told: tuple[Told, ...] = ()


def cells(
    path: Path,
    asks: Mapping[str, Ask],
    source: Source,
    opt_out: OptOut | None,
    *,
    named: bool,
) -> Cells:
    """Return the columns of the table at `path` that can be read as `asks` says.

    Args:
        path: The table.
        asks: Name -> what its column should hold.
        source: How the table is written.
        opt_out: Patients whose values are not converted, and are missing.
        named: Whether ids of patients are wanted as text.

    Raises:
        DataError: If the file cannot be read, or a column is not there.
    """
    try:
        with quiet_connection() as connection:
            relation = open_relation(connection, path, source.encoding)
            names = [ask.heading for ask in asks.values()]
            if source.patient:
                names.append(source.patient)
            require(path, names, relation.columns, source.encoding)
            chosen = ", ".join(as_text(name, source.missing) for name in dict.fromkeys(names))
            relation.project(chosen).create_view("cells")
            if opt_out is not None:
                connection.register("out", {"id": np.array(sorted(opt_out.ids), object)})
            query = _query(asks, source, opt_out, named=named)
            fetched = connection.execute(query).fetchnumpy()
            told = tuple(_thousands(connection, asks, source))
    except duckdb.Error as error:
        raise unreadable(path, error, source.encoding) from error
    return replace(_cells(fetched, asks, opt_out), told=told)


def _thousands(
    connection: duckdb.DuckDBPyConnection, asks: Mapping[str, Ask], source: Source
) -> Iterator[Told]:
    """Yield the columns of numbers whose decimal marks may all be marks for thousands."""
    mark, pattern = source.decimal, grouped.suspicious(source.decimal)
    for name, ask in asks.items():
        if ask.kind != "number":
            continue
        text = _quoted(ask.heading)
        marked, alike = connection.execute(
            f"SELECT count(*), count(*) FILTER (regexp_matches(t, '{pattern}')) FROM "
            f"(SELECT CAST({text} AS VARCHAR) AS t FROM cells LIMIT {LOOKED_AT}) "
            f"WHERE contains(t, '{mark}')"
        ).fetchall()[0]
        if marked >= FEW and alike == marked:
            says = f"all {marked} numbers with a {mark!r} have three digits after it"
            remedy = (
                f"one for thousands? thousands = {mark!r}, and the decimal mark, in [dataset]"
            )
            yield ("warning", name, says, remedy)


def _query(
    asks: Mapping[str, Ask], source: Source, opt_out: OptOut | None, *, named: bool
) -> str:
    who = None if source.patient is None else _quoted(source.patient)
    gone = "false" if opt_out is None or who is None else f"{who} IN (SELECT id FROM out)"
    parts = [f"{_sql(ask, source, gone)} AS c{n}" for n, ask in enumerate(asks.values())]
    parts.append(f"{gone} AS gone")
    known = f"CASE WHEN {who} IS NULL THEN 0::UBIGINT ELSE hash({who}) END"
    parts.append(f"{'0::UBIGINT' if who is None else known} AS who")
    if named and who is not None:
        parts.append(f"{who} AS id")
    return f"SELECT {', '.join(parts)} FROM cells"


def _sql(ask: Ask, source: Source, gone: str) -> str:
    """Return the SQL of a column: a DOUBLE with infinity for what is bad, or a code."""
    text = _quoted(ask.heading)
    if ask.words:
        cases = " ".join(
            f"WHEN {quoted(here)} THEN {quoted(there)}" for here, there in ask.words.items()
        )
        text = f"nullif(CASE {text} {cases} ELSE {text} END, '')"
    missing = f"WHEN {gone} OR {text} IS NULL THEN"
    if ask.kind == "number":
        text = grouped.sql(text, source.thousands, source.decimal)
        plain, odd = text, f"contains({text}, '_') OR starts_with({text}, '+-')"
        if source.decimal == ",":
            plain, odd = f"replace({text}, ',', '.')", f"{odd} OR contains({text}, '.')"
        number = f"TRY_CAST({plain} AS DOUBLE)"
        finite = f"WHEN isfinite({number}) THEN {number} ELSE 'inf'::DOUBLE"
        return f"CASE {missing} NULL WHEN {odd} THEN 'inf'::DOUBLE {finite} END"
    if ask.kind == "boolean":
        said = {1: listed(sorted(TRUE)), 0: listed(sorted(FALSE))}
        known = " ".join(f"WHEN lower({text}) IN {texts} THEN {n}" for n, texts in said.items())
    else:
        known = " ".join(
            f"WHEN {text} = {quoted(level)} THEN {n}" for n, level in enumerate(ask.levels)
        )
    return f"(CASE {missing} {MISSING} {known} ELSE {BAD} END)::TINYINT"


def _cells(
    fetched: dict[str, NDArray[Any]], asks: Mapping[str, Ask], opt_out: OptOut | None
) -> Cells:
    read: dict[str, NDArray[np.float64]] = {}
    for number, (name, ask) in enumerate(asks.items()):
        column = fetched.pop(f"c{number}")
        if ask.kind == "number":
            values = np.ma.filled(np.ma.asarray(column, np.float64), np.nan)
            bad = bool(np.isinf(values).any())
        else:
            codes = np.ma.getdata(column)
            bad = bool((codes == BAD).any())
            values = np.where(codes == MISSING, np.nan, codes)
        if not bad:
            read[name] = np.asarray(values, np.float64)
    who = np.ma.getdata(fetched["who"])
    return Cells(
        rows=len(who),
        read=read,
        out=None if opt_out is None else np.asarray(np.ma.getdata(fetched["gone"]), bool),
        repeated=len(who) - distinct(who[who != 0]),
        patients=plain(fetched["id"]) if "id" in fetched else None,
    )


def distinct(values: NDArray[np.uint64]) -> int:
    """Return how many different values there are; by sorting, as hashing millions is slower."""
    ordered = np.sort(values)
    return int(len(ordered) > 0) + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
