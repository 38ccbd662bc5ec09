"""From many records of a patient to one row: index event, criteria, and one value a feature.

Everything is computed by DuckDB over the two views of record.py. Values are converted to the
study's unit, rounded to the feature's resolution and held against its range before one is
picked, so that `max` never picks what is implausible. Patients are in the order of their ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from modelward.core import units
from modelward.core.codes import AGE, DEATH, SEX
from modelward.core.cohort import Criterion
from modelward.core.faults import Fault
from modelward.core.features import BooleanFeature, CategoryFeature, NumberFeature
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget, Target
from modelward.readers.dataset import Dataset
from modelward.readers.record import column, listed, quoted
from modelward.readers.tables.values import FALSE, TRUE

Text = NDArray[np.object_]

PICKS = {
    "first": "first({} ORDER BY time NULLS LAST, {})",
    "last": "last({} ORDER BY time NULLS FIRST, {})",
    "min": "min({})",
    "max": "max({})",
    "mean": "favg({} ORDER BY {})",
}
"""How one value comes from several; equal times are settled by the value."""


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """One row per patient of a store.

    Attributes:
        ids: Patient ids as the store spells them, sorted.
        numbers: Number features, criteria and yes/no columns: float64, NaN where missing.
        texts: Category features as the store writes them, None where missing.
        indexed: Where the index event is known; everywhere if the study has none.
    """

    ids: tuple[str, ...]
    numbers: Mapping[str, NDArray[np.float64]]
    texts: Mapping[str, Text]
    indexed: NDArray[np.bool_]


def choose(
    connection: duckdb.DuckDBPyConnection, study: Study, dataset: Dataset, faults: list[Fault]
) -> Chosen:
    """Return one row per patient; what cannot be converted is added to `faults`."""
    _prepare(connection, study)
    numbers: dict[str, NDArray[np.float64]] = {}
    texts: dict[str, Text] = {}
    for name, feature in study.features.items():
        if isinstance(feature, NumberFeature):
            numbers[name] = number_of(connection, name, feature, dataset, faults)
        elif isinstance(feature, BooleanFeature):
            numbers[name] = boolean_of(connection, name, feature)
        elif isinstance(feature, CategoryFeature):
            texts[name] = category_of(connection, feature)
    for name, criterion in study.cohort.criteria.items():
        numbers[name] = _criterion(connection, name, criterion, dataset, faults)
    rows = connection.execute("SELECT patient, day IS NOT NULL FROM cohort ORDER BY patient")
    found = rows.fetchall()
    whole = study.cohort.index is None
    return Chosen(
        ids=tuple(str(patient) for patient, _ in found),
        numbers=numbers,
        texts=texts,
        indexed=np.array([whole or known for _, known in found], bool),
    )


def _prepare(connection: duckdb.DuckDBPyConnection, study: Study) -> None:
    """Make `cohort`: every patient with the day of the index and the age on it."""
    connection.execute(
        "INSERT INTO events SELECT patient, death::TIMESTAMP, ?, NULL, NULL, NULL "
        "FROM patients WHERE death IS NOT NULL",
        [DEATH],
    )
    index = study.cohort.index
    day = "NULL::DATE"
    if index is not None:
        pick = "max" if index.pick == "last" else "min"
        day = f"{pick}(time::DATE) FILTER (code IN {listed(index.code)})"
    connection.execute(
        f"CREATE TABLE cohort AS SELECT everyone.patient, days.day, sex, "
        "date_part('year', age(days.day, birth)) AS age FROM "
        "(SELECT patient FROM patients UNION SELECT patient FROM events) everyone "
        f"LEFT JOIN (SELECT patient, {day} AS day FROM events GROUP BY patient) days "
        "USING (patient) LEFT JOIN "
        "(SELECT patient, any_value(sex) AS sex, any_value(birth) AS birth FROM patients "
        "GROUP BY patient) USING (patient)"
    )


def number_of(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    feature: NumberFeature,
    dataset: Dataset,
    faults: list[Fault],
) -> NDArray[np.float64]:
    if AGE in feature.code:
        return per_patient(connection, "SELECT patient, age AS value FROM cohort")
    within = events_within(feature.code, feature.window)
    if feature.picked == "count":
        found = per_patient(
            connection,
            f"SELECT patient, count(*)::DOUBLE AS value FROM {within} GROUP BY patient",
        )
        return np.nan_to_num(found)
    terms = Terms(name, feature.unit, feature.molar_mass)
    value = converted(connection, within, terms, dataset, faults)
    if feature.resolution is not None:
        value = f"(round(({value}) / {feature.resolution!r}) * {feature.resolution!r})"
    low, high = feature.range
    pick = PICKS[feature.picked].format("value", "value")
    return per_patient(
        connection,
        f"SELECT patient, {pick} AS value FROM (SELECT patient, time, {value} AS value "
        f"FROM {within}) WHERE value BETWEEN {low!r} AND {high!r} GROUP BY patient",
    )


def boolean_of(
    connection: duckdb.DuckDBPyConnection, name: str, feature: BooleanFeature | Target
) -> NDArray[np.float64]:
    """Return 1 and 0; `any` is 0 where there is no event, as nobody records what was not."""
    del name
    within, no = events_within(feature.code, feature.window), no_answer()
    yes = f"(text IS NULL AND number IS NULL) OR {SAID} IN {listed(sorted(TRUE))}"
    if feature.picked == "any":
        found = per_patient(
            connection,
            f"SELECT patient, bool_or(NOT {no})::INT::DOUBLE AS value FROM {within} "
            "GROUP BY patient",
        )
        return np.nan_to_num(found)
    pick = PICKS[feature.picked].format("value", "value")
    return per_patient(
        connection,
        f"SELECT patient, {pick} AS value FROM (SELECT patient, time, CASE WHEN {no} THEN 0.0 "
        f"WHEN {yes} THEN 1.0 END AS value FROM {within}) "
        "WHERE value IS NOT NULL GROUP BY patient",
    )


SAID = "lower(coalesce(text, number::VARCHAR))"
"""The answer of an event as SQL text; NULL where the event is all there is."""


def no_answer() -> str:
    """Return the SQL condition of an event that says no, such as a refuted diagnosis."""
    return f"coalesce({SAID} IN {listed(sorted(FALSE))}, false)"


def category_of(
    connection: duckdb.DuckDBPyConnection, feature: CategoryFeature | CategoryTarget
) -> Text:
    """Return the level of every patient of the table `cohort` as the store writes it."""
    if SEX in feature.code:
        query = "SELECT patient, sex AS value FROM cohort"
    else:
        pick = PICKS[feature.picked].format("value", "value")
        query = (
            f"SELECT patient, {pick} AS value FROM (SELECT patient, time, "
            "coalesce(text, number::VARCHAR) AS value "
            f"FROM {events_within(feature.code, feature.window)}) "
            "WHERE value IS NOT NULL GROUP BY patient"
        )
    rows = connection.execute(
        f"SELECT value FROM cohort LEFT JOIN ({query}) USING (patient) ORDER BY patient"
    ).fetchall()
    return np.array([row[0] for row in rows], object)


def _criterion(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    criterion: Criterion,
    dataset: Dataset,
    faults: list[Fault],
) -> NDArray[np.float64]:
    """Return 1 where the criterion holds and 0 where not."""
    low, high = criterion.range or (0.0, 0.0)
    if AGE in criterion.code:
        return per_patient(
            connection,
            "SELECT patient, coalesce(age BETWEEN "
            f"{low!r} AND {high!r}, false)::INT::DOUBLE AS value FROM cohort",
        )
    within = events_within(criterion.code, criterion.window)
    held = "true"
    if criterion.unit is not None:
        terms = Terms(name, criterion.unit, None)
        value = converted(connection, within, terms, dataset, faults)
        held = f"coalesce(({value}) BETWEEN {low!r} AND {high!r}, false)"
    found = per_patient(
        connection,
        f"SELECT patient, (count(*) FILTER ({held}) >= {criterion.at_least or 1})::INT::DOUBLE "
        f"AS value FROM {within} GROUP BY patient",
    )
    return np.nan_to_num(found)


@dataclass(frozen=True, slots=True)
class Terms:
    """A named value in a unit: what conversion is about."""

    name: str
    unit: str
    molar_mass: float | None


def converted(
    connection: duckdb.DuckDBPyConnection,
    within: str,
    terms: Terms,
    dataset: Dataset,
    faults: list[Fault],
) -> str:
    """Return the SQL expression of `number` in the unit of `terms`; NULL where it cannot be."""
    rows = connection.execute(
        f"SELECT unit, count(*) FROM {within} WHERE number IS NOT NULL "
        "GROUP BY unit ORDER BY unit"
    ).fetchall()
    cases = []
    for unit, count in rows:
        given = dataset.units.get(terms.name) if unit is None else unit
        try:
            factor, offset = _line(given, terms, dataset)
        except units.UnknownUnit as error:
            faults.append(Fault(terms.name, f"{_values(count)}: {error}{_remedy(terms, unit)}"))
            continue
        where = "unit IS NULL" if unit is None else f"unit = {quoted(unit)}"
        cases.append(f"WHEN {where} THEN number * {factor!r} + {offset!r}")
    return f"CASE {' '.join(cases)} END" if cases else "NULL::DOUBLE"


def _line(given: str | None, terms: Terms, dataset: Dataset) -> tuple[float, float]:
    if given is None:
        if units.parse(terms.unit).dimension:
            raise units.UnknownUnit("no unit is given")
        given = terms.unit
    spelled = units.spelled(given, dataset.spellings)
    return units.line(spelled, terms.unit, molar_mass=terms.molar_mass)


def _remedy(terms: Terms, unit: str | None) -> str:
    if unit is None:
        return f" (write it under [units]: {terms.name} = {terms.unit!r}, or whatever it is)"
    return f" (if it has a UCUM code, write under [spellings]: {unit!r} = ...)"


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def events_within(code: Sequence[str], window: tuple[int, int] | None) -> str:
    """Return the SQL of the events with one of the codes that fall into the window."""
    condition = f"code IN {listed(code)}"
    if window is not None:
        condition += (
            f" AND date_diff('day', day, time::DATE) BETWEEN {window[0]} AND {window[1]}"
        )
    return (
        "(SELECT events.*, day FROM events JOIN cohort USING (patient) "
        f"WHERE {condition}) AS within"
    )


def per_patient(connection: duckdb.DuckDBPyConnection, query: str) -> NDArray[np.float64]:
    """Return `value` of every patient of the cohort in order, NaN where there is none."""
    found = connection.execute(
        f"SELECT value::DOUBLE AS value FROM cohort LEFT JOIN ({query}) USING (patient) "
        "ORDER BY patient"
    ).fetchnumpy()["value"]
    filled: NDArray[np.float64] = np.ma.filled(np.ma.asarray(found, np.float64), np.nan)
    return filled


__all__ = ["Chosen", "choose", "column"]
