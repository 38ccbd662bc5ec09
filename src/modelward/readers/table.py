"""CSV and Parquet tables, one row per unit, read by DuckDB into the study's columns.

Everything is read as text first and converted by the study's own rules, so a file cannot
change its meaning because a guess about its types came out differently. All faults of all
columns are reported at once, each with a count and the first line it occurs in.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column, columns
from modelward.core.faults import Fault, lines, nearest
from modelward.core.study import CategoryFeature, Study
from modelward.errors import DataError
from modelward.readers import values
from modelward.readers.cohort import Cohort, assign_folds, number_owners, torn
from modelward.readers.dataset import MISSING, Dataset, Source
from modelward.readers.opt_out import OptOut, nobody_named

SEPARATORS = ",;\t|"
"""What may stand between the values of a CSV line."""

PARQUET = {".parquet", ".pq"}
"""How a Parquet file is named; anything else is read as CSV."""

Text = NDArray[np.object_]
"""One column as read: str, or None where missing."""


def read_table(
    path: Path, dataset: Dataset, study: Study, opt_out: OptOut | None = None
) -> Cohort:
    """Return the rows at `path` as the study's cohort.

    Args:
        path: CSV (any delimiter, with headings) or Parquet.
        dataset: Headings and special columns.
        study: What is asked for.
        opt_out: Patients who are left out, before their values are looked at.

    Raises:
        DataError: With every fault found, if the file is damaged or does not fit.
    """
    source = dataset.dataset
    if opt_out is not None and source.patient is None:
        raise nobody_named(path, "dataset.patient")
    wanted = [*study.features, study.target_name]
    headings = {name: dataset.heading(name) for name in wanted}
    special = [column for column in (source.patient, source.split) if column]
    table = text_columns(path, [*headings.values(), *special], missing=source.missing)
    faults: list[Fault] = []
    ids = _ids(table, source.patient, faults, once=study.study.unit == "patient")
    out = _leave_out(table, ids, source, opt_out)
    x = _design(table, headings, study, faults)
    y = values.outcome(
        table[headings[study.target_name]], study.outcome, study.target_name, faults
    )
    folds = values.folds(table[source.split], faults) if source.split else None
    known = ~np.isnan(y)
    notes: tuple[str, ...] = () if opt_out is None else (opt_out.note(out),)
    notes += _notes(known[~out], "no known outcome")
    if study.cohort.complete:
        whole = ~np.isnan(x).any(axis=1)
        notes += _notes((whole | ~known)[~out], "a missing feature")
        known &= whole
    else:
        unread = {fault.key for fault in faults}
        faults += [f for f in _too_many_missing(x[known], study) if f.key not in unread]
    kept_ids = [unit for unit, keep in zip(ids, known, strict=True) if keep]
    owner = number_owners(kept_ids)
    given = None if folds is None else folds[known]
    faults += torn("split", owner, given)
    if faults:
        raise refuse(path, _once(faults))
    return Cohort(
        x=np.ascontiguousarray(x[known]),  # sums depend on the order in memory
        y=y[known].astype(np.int8),
        folds=assign_folds(kept_ids, given, study.plan),
        notes=notes,
        ids=tuple(kept_ids),
        owner=owner if source.patient else None,
        opted_out=None if opt_out is None else int(np.count_nonzero(out)),
    )


def read_features(
    path: Path, dataset: Dataset, study: Study
) -> tuple[list[str], NDArray[np.float64]]:
    """Return ids and columns [rows, columns] of new data, which need no outcome.

    Raises:
        DataError: With every fault found, if the file is damaged or does not fit.
    """
    patient = dataset.dataset.patient
    named = {name: dataset.heading(name) for name in study.features}
    wanted = [*named.values(), *([patient] if patient else [])]
    table = text_columns(path, wanted, missing=dataset.dataset.missing)
    faults: list[Fault] = []
    x = _design(table, named, study, faults)
    ids = _ids(table, patient, faults, once=study.study.unit == "patient")
    if faults:
        raise refuse(path, _once(faults))
    return ids, x


def text_columns(
    path: Path, wanted: Sequence[str], *, missing: Sequence[str] = MISSING
) -> dict[str, Text]:
    """Return the columns `wanted` of the table at `path` as text.

    Raises:
        DataError: If the file cannot be read or a column is not there.
    """
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            relation = open_relation(connection, path)
            absent = [
                column for column in dict.fromkeys(wanted) if column not in relation.columns
            ]
            if absent:
                raise refuse(
                    path,
                    [
                        Fault(column, f"no such column; {nearest(column, relation.columns)}")
                        for column in absent
                    ],
                )
            chosen = ", ".join(_as_text(column, missing) for column in dict.fromkeys(wanted))
            fetched = relation.project(chosen).fetchnumpy()
    except duckdb.Error as error:
        raise _unreadable(path, error) from error
    return {name: _plain(column) for name, column in fetched.items()}


def headings(path: Path) -> list[str]:
    """Return the headings of the table at `path`.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            return list(open_relation(connection, path).columns)
    except duckdb.Error as error:
        raise _unreadable(path, error) from error


def refuse(path: Path, faults: Sequence[Fault]) -> DataError:
    """Return the error for a table with `faults`."""
    return DataError(
        lines(str(path), faults),
        why="a value that is guessed or dropped in silence changes the answer",
        remedy="correct the file, or the study, or map headings in dataset.toml",
    )


def open_relation(connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """Return the table at `path`; every column of a CSV is text.

    Raises:
        DataError: If there is no such file.
        duckdb.Error: If it cannot be read.
    """
    if not path.is_file():
        raise refuse(path, [Fault("", "there is no such file")])
    if path.suffix.lower() in PARQUET:
        return connection.read_parquet(str(path))
    return connection.read_csv(
        str(path),
        header=True,
        all_varchar=True,
        sep=_separator(path),
        quotechar='"',
        escapechar='"',
        skiprows=0,
    )


def _separator(path: Path) -> str:
    """Return what stands between the headings; a comma if nothing does."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        return max(SEPARATORS, key=stream.readline().count)


def _unreadable(path: Path, error: duckdb.Error) -> DataError:
    """Return the error for a file that DuckDB cannot read, with the line where one is known."""
    fault = Fault("", f"cannot be read: {str(error).splitlines()[0]}")
    return refuse(path, [_ragged_line(path) or fault])


def _ragged_line(path: Path) -> Fault | None:
    """Return the first line of a CSV with more or fewer values than there are headings.

    DuckDB does not name it; a decimal comma is the usual cause.
    """
    if path.suffix.lower() in PARQUET:
        return None
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        rows = csv.reader(stream, delimiter=_separator(path))
        width = len(next(rows, []))
        for row in rows:
            if row and len(row) != width:
                said = f"{len(row)} values under {width} headings (a decimal comma?)"
                return Fault(f"line {rows.line_num}", said)
    return None


def _as_text(column: str, missing: Sequence[str]) -> str:
    """Return the SQL that reads a column as trimmed text, NULL where it means missing."""
    name = '"' + column.replace('"', '""') + '"'
    tokens = ", ".join("'" + token.replace("'", "''") + "'" for token in missing)
    text = f"trim(CAST({name} AS VARCHAR))"
    return (
        f"CASE WHEN {text} IN ({tokens}) THEN NULL ELSE {text} END AS {name}"
        if tokens
        else (f"{text} AS {name}")
    )


def _plain(column: NDArray[np.object_]) -> Text:
    """Return a fetched column, masked where NULL, as str and None."""
    text: Text = np.ma.getdata(column).astype(object)
    text[np.ma.getmaskarray(column)] = None
    return text


def _design(
    table: Mapping[str, Text], headings: Mapping[str, str], study: Study, faults: list[Fault]
) -> NDArray[np.float64]:
    """Return the design matrix [rows, columns] of the study."""
    return np.column_stack(
        [_column(c, table[headings[c.feature]], study, faults) for c in columns(study)]
    )


def _column(
    column: Column, text: Text, study: Study, faults: list[Fault]
) -> NDArray[np.float64]:
    """Return one column of the design matrix; NaN where missing or out of range."""
    feature = study.features[column.feature]
    if isinstance(feature, CategoryFeature):
        return values.level(text, column, feature.levels, faults)
    if feature.type == "boolean":
        return values.boolean(text, column.feature, faults)
    found = values.number(text, column.feature, faults)
    return np.where((found < column.low) | (found > column.high), np.nan, found)


def _ids(
    table: Mapping[str, Text], patient: str | None, faults: list[Fault], *, once: bool
) -> list[str]:
    """Return one id per row; a patient in two rows is a fault where rows are patients."""
    if patient is None:
        return [str(row) for row in range(len(next(iter(table.values()))))]
    ids = ["" if unit is None else str(unit) for unit in table[patient]]
    twice = len(ids) - len(set(ids))
    if "" in ids:
        faults.append(Fault("patient", f"{ids.count('')} rows name no patient"))
    elif twice and once:
        faults.append(Fault("patient", f"{twice} rows repeat a patient; one row per patient"))
    return ids


def _leave_out(
    table: Mapping[str, Text], ids: Sequence[str], source: Source, opt_out: OptOut | None
) -> NDArray[np.bool_]:
    """Return which rows are of patients who opted out, blank from now on in `table`.

    They keep their place, so that faults of other rows name the lines of the file.
    """
    if opt_out is None:
        return np.zeros(len(ids), bool)
    out = opt_out.among(ids)
    for name, text in table.items():
        if name != source.patient:
            text[out] = "train" if name == source.split else None
    return out


def _too_many_missing(x: NDArray[np.float64], study: Study) -> list[Fault]:
    if not len(x):
        return []
    shares = np.isnan(x).mean(axis=0)
    return [
        Fault(
            column.feature,
            f"{share:.0%} missing or out of range, the study allows "
            f"{study.features[column.feature].max_missing:.0%}",  # type: ignore[union-attr]
        )
        for column, share in zip(columns(study), shares, strict=True)
        if share > study.features[column.feature].max_missing  # type: ignore[union-attr]
    ]


def _notes(kept: NDArray[np.bool_], reason: str) -> tuple[str, ...]:
    left = int(np.count_nonzero(~kept))
    return (f"{left} of {len(kept)} rows left out: {reason}.",) if left else ()


def _once(faults: Sequence[Fault]) -> list[Fault]:
    """Return `faults` without repeats: a category has one column for every level."""
    return list(dict.fromkeys(faults))
