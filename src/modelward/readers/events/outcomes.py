"""What is predicted, from the events of a patient: yes or no, a value, or a time to an event.

Works over the views of record.py and the table `cohort` that choose.py makes; days are
calendar days from the index event.
"""

import duckdb
import numpy as np
from numpy.typing import NDArray

from modelward.core.codes import DEATH
from modelward.core.faults import Fault
from modelward.core.features import NumberFeature
from modelward.core.study import Study
from modelward.core.targets import CategoryTarget, NumberTarget, Target, TimeToEventTarget
from modelward.readers.dataset import Dataset
from modelward.readers.events.choose import (
    PICKS,
    Terms,
    boolean_of,
    category_of,
    converted,
    events_within,
    number_of,
    per_patient,
)
from modelward.readers.record import listed, quoted
from modelward.readers.tables import values


def outcome_of(
    connection: duckdb.DuckDBPyConnection, study: Study, dataset: Dataset, faults: list[Fault]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return y and amount, as `Rows` has them, of every patient of the table `cohort`.

    Args:
        connection: Where choose.py has made `cohort`.
        study: What is predicted.
        dataset: How the store is read.
        faults: What cannot be converted is added.
    """
    if not study.target:  # a source that is joined to another, which has the outcome
        patients = per_patient(connection, "SELECT patient, 0 AS value FROM cohort")
        return np.full(len(patients), np.nan), None
    outcome, name = study.outcome, study.target_name
    if isinstance(outcome, TimeToEventTarget):
        return _time_to_event(connection, outcome)
    if isinstance(outcome, NumberTarget):
        terms = NumberFeature(
            type="number",
            unit=outcome.unit,
            range=outcome.range,
            code=outcome.code,
            window=outcome.window,
            pick=outcome.pick,
        )
        found = number_of(connection, name, terms, dataset, faults)
        return np.where(np.isnan(found), np.nan, 0.0), found
    if isinstance(outcome, CategoryTarget):
        numbers = _level_numbers(connection, name, outcome, dataset, faults)
        return values.graded(numbers, outcome), numbers
    if isinstance(outcome, Target):
        return _yes_no(connection, name, outcome, dataset, faults), None
    raise values.unlearnt(name, outcome)


def _level_numbers(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    outcome: CategoryTarget,
    dataset: Dataset,
    faults: list[Fault],
) -> NDArray[np.float64]:
    """Return the number of every patient's level, from 0; NaN where none is known."""
    meant = dataset.values.get(name, {})
    text = category_of(connection, outcome)
    mapped = np.array([None if t is None else meant.get(t, t) or None for t in text], object)
    return values.level_number(mapped, name, outcome.levels, faults)


def _time_to_event(
    connection: duckdb.DuckDBPyConnection, outcome: TimeToEventTarget
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return event and days from the index; NaN for who had the event by then, or was not seen.

    Follow-up ends with the event, with death, or on the last day with one of the events that
    show that a patient was still seen, whichever the store knows.
    """
    day = "date_diff('day', day, time::DATE)"
    codes = outcome.code if outcome.followed is None else (*outcome.followed, *outcome.code)
    seen = "true" if outcome.followed is None else f"code IN {listed(codes)}"
    wanted = {
        "before": f"max(1) FILTER (code IN {listed(outcome.code)} AND {day} <= 0)",
        "event": f"min({day}) FILTER (code IN {listed(outcome.code)} AND {day} > 0)",
        "death": f"min({day}) FILTER (code = {quoted(DEATH)} AND {day} > 0)",
        "last": f"max({day}) FILTER ({seen} AND {day} > 0)",
    }
    found = {
        name: per_patient(
            connection,
            f"SELECT patient, ({sql})::DOUBLE AS value FROM events JOIN cohort USING (patient) "
            "GROUP BY patient",
        )
        for name, sql in wanted.items()
    }
    happened = ~np.isnan(found["event"])
    ended = np.where(np.isnan(found["death"]), found["last"], found["death"])
    days = np.where(happened, found["event"], ended)
    days[~np.isnan(found["before"])] = np.nan
    return values.followed(happened.astype(np.float64), days, outcome.horizon)


def _yes_no(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    outcome: Target,
    dataset: Dataset,
    faults: list[Fault],
) -> NDArray[np.float64]:
    if outcome.above is None:
        return boolean_of(connection, name, outcome)
    within = events_within(outcome.code, outcome.window)
    terms = Terms(name, outcome.unit or "1", None)
    value = converted(connection, within, terms, dataset, faults)
    pick = PICKS["max" if outcome.picked == "any" else outcome.picked].format("value", "value")
    return per_patient(
        connection,
        f"SELECT patient, ({pick} > {outcome.above!r})::INT::DOUBLE AS value FROM "
        f"(SELECT patient, time, {value} AS value FROM {within}) "
        "WHERE value IS NOT NULL GROUP BY patient",
    )
