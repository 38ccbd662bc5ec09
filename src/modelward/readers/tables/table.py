"""CSV and Parquet tables, one row per unit, into the study's columns.

A column becomes a feature in this order: missing texts, value map, number, unit, resolution,
range. All faults of all columns are reported at once, each with a count and the first line
it occurs in. Opening is table_opened.py's business, who takes part is assemble.py's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from modelward.core import units
from modelward.core.columns import Column, columns
from modelward.core.faults import Fault
from modelward.core.features import CategoryFeature, NumberFeature
from modelward.core.study import Study
from modelward.core.targets import (
    CategoryTarget,
    NumberTarget,
    Target,
    TimeToEventTarget,
    time_of,
)
from modelward.readers.assemble import Rows, assemble
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset
from modelward.readers.opt_out import OptOut, nobody_named
from modelward.readers.plausible import Told
from modelward.readers.tables import values
from modelward.readers.tables.table_opened import Opened, opened
from modelward.readers.tables.text_columns import refuse
from modelward.readers.tables.values import Written


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
    path: Path,
    dataset: Dataset,
    study: Study,
    faults: list[Fault],
    opt_out: OptOut | None,
    *,
    named: bool = True,
) -> Rows:
    """Return every row of the table; what cannot be read is added to `faults`.

    Args:
        path: CSV or Parquet.
        dataset: How it is written.
        study: What is asked for.
        faults: Found so far.
        opt_out: Patients who said no.
        named: Whether ids are wanted; a check of millions of rows does without.

    Raises:
        DataError: If the file is damaged or a column is not there.
    """
    source = dataset.dataset
    if study.sequence is not None:
        says = "is a sequence, and a row of a patient holds none: rows of events do ([events])"
        raise refuse(path, [Fault(study.sequence[0], says)])
    if opt_out is not None and source.patient is None:
        raise nobody_named(path, "dataset.patient")
    table = opened(path, dataset, study, opt_out, named=named or source.split is not None)
    once = study.study.unit == "patient"
    ids = _ids(table, source.patient, faults, once=once)
    raw: dict[str, NDArray[np.float64]] = {}
    x = _design(table, dataset, study, faults, raw)
    y, amount = np.full(table.rows, np.nan), None
    for name in study.target:
        y, amount = _outcome(table, name, dataset, study, faults)
    criteria = {name: _yes_no(table, name, faults) for name in study.cohort.criteria}
    folds = values.folds(table.text[source.split], faults) if source.split else None
    return Rows(
        ids=ids, x=x, y=y, criteria=criteria, folds=folds, out=table.out,
        owned=source.patient is not None, raw=raw, amount=amount,
        told=_in_thousands(table.told, raw, study),
    )  # fmt: skip


def _in_thousands(
    told: Sequence[Told], raw: Mapping[str, NDArray[np.float64]], study: Study
) -> tuple[Told, ...]:
    """Return what is told of marks for thousands, where values a thousandfold are plausible."""
    kept = []
    for each in told:
        feature, values_of = study.features.get(each[1]), raw.get(each[1])
        if isinstance(feature, NumberFeature) and values_of is not None:
            known = values_of[~np.isnan(values_of)]
            middle = 1000 * float(np.median(known)) if len(known) else np.nan
            if feature.range[0] <= middle <= feature.range[1]:
                kept.append(each)
    return tuple(kept)


def read_features(
    path: Path, dataset: Dataset, study: Study
) -> tuple[list[str], NDArray[np.float64]]:
    """Return ids and columns [rows, columns] of new data, which need no outcome.

    Raises:
        DataError: With every fault found, if the file is damaged or does not fit.
    """
    cohort = study.cohort.model_copy(update={"all": None, "any": None, "exclude": None})
    asked = study.model_copy(update={"target": {}, "cohort": cohort})
    faults: list[Fault] = []
    table = opened(path, dataset, asked, None, named=True)
    x = _design(table, dataset, asked, faults, {})
    once = study.study.unit == "patient"
    ids = _ids(table, dataset.dataset.patient, faults, once=once)
    if faults:
        raise refuse(path, list(dict.fromkeys(faults)))
    return list(ids), x


def _design(
    table: Opened,
    dataset: Dataset,
    study: Study,
    faults: list[Fault],
    raw: dict[str, NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return the design matrix [rows, columns] of the study; numbers also go into `raw`."""
    wanted = columns(study)
    x = np.empty((table.rows, len(wanted)))
    for place, column in enumerate(wanted):
        values_of = _column(column, table, dataset, study, faults)
        if isinstance(study.features[column.feature], NumberFeature):
            raw[column.feature] = values_of
            inside = (values_of >= column.low) & (values_of <= column.high)
            values_of = np.where(inside, values_of, np.nan)
        x[:, place] = values_of
    return x


def _column(
    column: Column, table: Opened, dataset: Dataset, study: Study, faults: list[Fault]
) -> NDArray[np.float64]:
    """Return one column of the design matrix before ranges; NaN where missing."""
    name, feature = column.feature, study.features[column.feature]
    if isinstance(feature, CategoryFeature):
        if name not in table.read:
            return values.level(table.text[name], column, feature.levels, faults)
        codes, wanted = table.read[name], feature.levels.index(column.level or "")
        return np.where(np.isnan(codes), np.nan, codes == wanted)
    if not isinstance(feature, NumberFeature):
        return _yes_no(table, name, faults)
    written = _written(name, feature.unit, feature.molar_mass, dataset, faults)
    found = written.read(_number(table, name, faults, written))
    if feature.resolution is not None:
        found = np.round(found / feature.resolution) * feature.resolution
    return found


def _number(
    table: Opened, name: str, faults: list[Fault], written: Written
) -> NDArray[np.float64]:
    if name in table.read:
        return table.read[name]
    return values.number(table.text[name], name, faults, decimal=written.decimal)


def _yes_no(table: Opened, name: str, faults: list[Fault]) -> NDArray[np.float64]:
    return (
        table.read[name]
        if name in table.read
        else values.boolean(table.text[name], name, faults)
    )


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
    table: Opened, name: str, dataset: Dataset, study: Study, faults: list[Fault]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return y and amount of every row, as `Rows` has them.

    Raises:
        DataError: If no recipe takes such an outcome.
    """
    target = study.target[name]
    if isinstance(target, TimeToEventTarget):
        days = _days(table, target, name, dataset, faults)
        return values.followed(_yes_no(table, name, faults), days, target.horizon)
    if isinstance(target, CategoryTarget):
        numbers = _level_numbers(table, name, target, faults)
        return values.graded(numbers, target), numbers
    if isinstance(target, Target) and target.above is None:
        return _yes_no(table, name, faults), None
    if not isinstance(target, Target | NumberTarget):
        raise values.unlearnt(name, target)
    written = Written(dataset.dataset.decimal)
    if target.unit is not None:
        written = _written(name, target.unit, None, dataset, faults)
    found = written.read(_number(table, name, faults, written))
    if isinstance(target, NumberTarget):
        low, high = target.range
        known = (found >= low) & (found <= high)
        return np.where(known, 0.0, np.nan), np.where(known, found, np.nan)
    least = target.above or 0.0
    return np.where(np.isnan(found), np.nan, (found > least).astype(np.float64)), None


def _level_numbers(
    table: Opened, name: str, target: CategoryTarget, faults: list[Fault]
) -> NDArray[np.float64]:
    """Return the number of each row's level, from 0."""
    if name in table.read:
        return table.read[name]
    return values.level_number(table.text[name], name, target.levels, faults)


def _days(
    table: Opened, target: TimeToEventTarget, name: str, dataset: Dataset, faults: list[Fault]
) -> NDArray[np.float64]:
    """Return times in days; the site's own unit comes before the study's."""
    key = time_of(name)
    written = _written(key, "d", None, dataset, faults)
    if key not in dataset.units:
        written = Written(dataset.dataset.decimal, target.days)
    days = written.read(_number(table, key, faults, written))
    values.not_negative(days, key, faults)
    return days


def _ids(
    table: Opened, patient: str | None, faults: list[Fault], *, once: bool
) -> Sequence[str]:
    """Return one id per row; a patient in two rows is a fault where rows are patients."""
    if patient is None:
        return [str(row) for row in range(table.rows)]
    if table.patients is None:
        return ()
    ids = ["" if unit is None else str(unit) for unit in table.patients]
    named = [each for each in ids if each]
    twice = table.repeated and len(named) - len(set(named))
    if len(named) < len(ids):
        count, first = len(ids) - len(named), f"on line {ids.index('') + 2}"
        told = "1 row names" if count == 1 else f"{count} rows name"
        where = first if count == 1 else f"the first {first}"
        faults.append(Fault("patient", f"{told} no patient, {where}"))
    if twice and once:
        rows = "1 row repeats" if twice == 1 else f"{twice} rows repeat"
        faults.append(Fault("patient", f"{rows} a patient; one row per patient"))
    return ids
