"""CSV and Parquet tables, one row per unit, into the study's columns.

A column becomes a feature in this order: missing texts, value map, number, unit, resolution,
range. All faults of all columns are reported at once, each with a count and the first line
it occurs in. Files are text_columns.py's business, who takes part is assemble.py's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelward.core import units
from modelward.core.columns import Column, columns
from modelward.core.faults import Fault
from modelward.core.features import (
    CategoryFeature,
    NumberFeature,
    NumberTarget,
    TimeToEventTarget,
    time_of,
)
from modelward.core.study import Study
from modelward.readers import values
from modelward.readers.assemble import Rows, assemble
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset, Source
from modelward.readers.opt_out import OptOut, nobody_named
from modelward.readers.text_columns import Text, refuse, text_columns
from modelward.readers.values import Written


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
    faults: list[Fault] = []
    rows = table_rows(path, dataset, study, faults, opt_out)
    return assemble(rows, study, faults, lambda found: refuse(path, found), (), opt_out)


def table_rows(
    path: Path, dataset: Dataset, study: Study, faults: list[Fault], opt_out: OptOut | None
) -> Rows:
    """Return every row of the table; what cannot be read is added to `faults`.

    Raises:
        DataError: If the file is damaged or a column is not there.
    """
    source = dataset.dataset
    if opt_out is not None and source.patient is None:
        raise nobody_named(path, "dataset.patient")
    headings = {name: dataset.heading(name) for name in asked_of(study)}
    special = [column for column in (source.patient, source.split) if column]
    table = _text(path, [*headings.values(), *special], source)
    ids = _ids(table, source.patient, faults, once=study.study.unit == "patient")
    out = _leave_out(table, ids, source, opt_out)
    named = {name: _mapped(table[heading], name, dataset) for name, heading in headings.items()}
    raw: dict[str, NDArray[np.float64]] = {}
    x = _design(named, dataset, study, faults, raw)
    y, amount = np.full(len(ids), np.nan), None
    if study.target:
        y, amount = _outcome(named, dataset, study, faults)
    criteria = {
        name: values.boolean(named[name], name, faults) for name in study.cohort.criteria
    }
    folds = values.folds(table[source.split], faults) if source.split else None
    return Rows(
        ids=ids,
        x=x,
        y=y,
        criteria=criteria,
        folds=folds,
        out=out,
        owned=source.patient is not None,
        raw=raw,
        amount=amount,
    )


def asked_of(study: Study) -> list[str]:
    """Return the names of what a table holds for `study`: features, target and criteria."""
    times = [
        time_of(name) for name, t in study.target.items() if isinstance(t, TimeToEventTarget)
    ]
    return [*study.features, *study.target, *times, *study.cohort.criteria]


def read_features(
    path: Path, dataset: Dataset, study: Study
) -> tuple[list[str], NDArray[np.float64]]:
    """Return ids and columns [rows, columns] of new data, which need no outcome.

    Raises:
        DataError: With every fault found, if the file is damaged or does not fit.
    """
    patient = dataset.dataset.patient
    headings = {name: dataset.heading(name) for name in study.features}
    wanted = [*headings.values(), *([patient] if patient else [])]
    table = _text(path, wanted, dataset.dataset)
    faults: list[Fault] = []
    named = {name: _mapped(table[heading], name, dataset) for name, heading in headings.items()}
    x = _design(named, dataset, study, faults, {})
    ids = _ids(table, patient, faults, once=study.study.unit == "patient")
    if faults:
        raise refuse(path, list(dict.fromkeys(faults)))
    return ids, x


def _text(path: Path, wanted: Sequence[str], source: Source) -> dict[str, Text]:
    return text_columns(path, wanted, missing=source.missing, encoding=source.encoding)


def _mapped(text: Text, name: str, dataset: Dataset) -> Text:
    """Return a column in the study's words; what the site maps to '' is missing."""
    levels = dataset.values.get(name)
    if not levels:
        return text
    return np.array([None if t is None else levels.get(t, t) or None for t in text], object)


def _design(
    named: Mapping[str, Text],
    dataset: Dataset,
    study: Study,
    faults: list[Fault],
    raw: dict[str, NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return the design matrix [rows, columns] of the study; numbers also go into `raw`."""
    found = []
    for column in columns(study):
        values_of = _column(column, named[column.feature], dataset, study, faults)
        if isinstance(study.features[column.feature], NumberFeature):
            raw[column.feature] = values_of
            inside = (values_of >= column.low) & (values_of <= column.high)
            values_of = np.where(inside, values_of, np.nan)
        found.append(values_of)
    rows = len(next(iter(named.values()), ()))
    return np.column_stack(found) if found else np.zeros((rows, 0))


def _column(
    column: Column, text: Text, dataset: Dataset, study: Study, faults: list[Fault]
) -> NDArray[np.float64]:
    """Return one column of the design matrix before ranges; NaN where missing."""
    feature = study.features[column.feature]
    if isinstance(feature, CategoryFeature):
        return values.level(text, column, feature.levels, faults)
    if not isinstance(feature, NumberFeature):
        return values.boolean(text, column.feature, faults)
    written = _written(column.feature, feature.unit, feature.molar_mass, dataset, faults)
    found = written.read(values.number(text, column.feature, faults, decimal=written.decimal))
    if feature.resolution is not None:
        found = np.round(found / feature.resolution) * feature.resolution
    return found


def _written(
    name: str, unit: str, molar_mass: float | None, dataset: Dataset, faults: list[Fault]
) -> Written:
    """Return how the site writes the numbers of `name`, which the study has in `unit`."""
    decimal, given = dataset.dataset.decimal, dataset.units.get(name)
    if given is None:
        return Written(decimal)
    try:
        spelled = units.spelled(given, dataset.spellings)
        return Written(decimal, *units.line(spelled, unit, molar_mass=molar_mass))
    except units.UnknownUnit as error:
        faults.append(Fault(name, f"[units] in dataset.toml: {error}"))
        return Written(decimal)


def _outcome(
    named: Mapping[str, Text], dataset: Dataset, study: Study, faults: list[Fault]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return y and amount of every row, as `Rows` has them."""
    target, name = study.outcome, study.target_name
    if isinstance(target, TimeToEventTarget):
        event = values.boolean(named[name], name, faults)
        days = _days(named[time_of(name)], target, name, dataset, faults)
        return values.followed(event, days, target.horizon)
    unit = getattr(target, "unit", None)
    written = Written(dataset.dataset.decimal)
    if unit is not None:
        written = _written(name, unit, None, dataset, faults)
    y = values.outcome(named[name], target, name, faults, written)
    if isinstance(target, NumberTarget):
        return y, values.measured(named[name], target, name, [], written)
    return y, None


def _days(
    text: Text, target: TimeToEventTarget, name: str, dataset: Dataset, faults: list[Fault]
) -> NDArray[np.float64]:
    """Return times in days; the site's own unit comes before the study's."""
    key = time_of(name)
    written = _written(key, "d", None, dataset, faults)
    if key not in dataset.units:
        written = Written(dataset.dataset.decimal, target.days)
    days = written.read(values.number(text, key, faults, decimal=written.decimal))
    values.not_negative(days, key, faults)
    return days


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
