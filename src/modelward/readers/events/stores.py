"""Stores of events, read into the study's columns: omop, fhir, meds, and tables of events.

load (a kind's own reader) -> choose one row per patient -> cohort rules -> Cohort
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.faults import Fault, lines
from modelward.core.features import CategoryFeature
from modelward.core.study import Study
from modelward.core.targets import TimeToEventTarget
from modelward.errors import DataError
from modelward.readers.assemble import Rows, assemble
from modelward.readers.cohort import Cohort
from modelward.readers.dataset import Dataset
from modelward.readers.events import fhir, meds, omop, table_events
from modelward.readers.events.choose import Chosen, choose
from modelward.readers.events.outcomes import outcome_of
from modelward.readers.events.sequences import Course, course_of
from modelward.readers.events.wanted import Wanted, answer_levels, feature_codes
from modelward.readers.opt_out import OptOut
from modelward.readers.plausible import Told
from modelward.readers.record import open_record
from modelward.readers.tables import values

Load = Callable[[duckdb.DuckDBPyConnection, Path, Dataset, Wanted], tuple[str, ...]]

LOADERS: dict[str, Load] = {
    "omop": omop.load,
    "fhir": fhir.load,
    "meds": meds.load,
    "table": table_events.load,
}
"""Kind -> what fills the two views."""

LINE = re.compile(r" on line \d+(?=:)")
"""What values.py says of a text: a patient of a store of events is on no line of a file."""


def read_events(
    path: Path, dataset: Dataset, study: Study, opt_out: OptOut | None = None
) -> Cohort:
    """Return the patients of the store at `path` as the study's cohort.

    Raises:
        DataError: With every fault found, if the store is damaged or does not fit.
    """
    faults = uncoded(study)
    if faults:
        raise refuse(path, faults)
    rows, notes = event_rows(path, dataset, study, faults, opt_out)
    return assemble(rows, study, faults, lambda found: refuse(path, found), notes, opt_out)


def event_rows(
    path: Path,
    dataset: Dataset,
    study: Study,
    faults: list[Fault],
    opt_out: OptOut | None,
    today: date | None = None,
) -> tuple[Rows, tuple[str, ...]]:
    """Return one row per patient and the notes of the reader; faults are added.

    Args:
        path: The store.
        dataset: How to read it.
        study: What is asked for.
        faults: Found so far.
        opt_out: Patients who said no.
        today: Events after it are faults; any time is believed if None.
    """
    with open_record() as connection:
        wanted = Wanted.of(study, dataset.codes)
        notes = LOADERS[dataset.dataset.kind](connection, path, dataset, wanted)
        leave_out(connection, opt_out)
        faults += impossible(connection, today)
        moved = shifted(connection, today)
        chosen = choose(connection, study, dataset, faults)
        outcome = outcome_of(connection, study, dataset, faults)
        course = course_in(connection, study, dataset, faults)
    out = None if opt_out is None else opt_out.among(chosen.ids)
    rows = rows_of(chosen, out, dataset, study, faults)
    faults[:] = [Fault(each.key, LINE.sub("", each.says)) for each in faults]
    y, amount = outcome
    return replace(
        rows, y=y, amount=amount, course=course.x, told=(*course.told, *moved)
    ), notes


def course_in(
    connection: duckdb.DuckDBPyConnection, study: Study, dataset: Dataset, faults: list[Fault]
) -> Course:
    """Return the sequences that `study` asks for; none if it asks for none."""
    if study.sequence is None:
        return Course(None, ())
    return course_of(connection, study.sequence, dataset, faults)


def impossible(connection: duckdb.DuckDBPyConnection, today: date | None) -> list[Fault]:
    """Return what cannot be: people twice, deaths before births, events to come."""
    asked = {
        "patients: {} patients are there more than once": (
            "SELECT count(*) FROM (SELECT 1 FROM patients GROUP BY patient HAVING count(*) > 1)"
        ),
        "patients: {} patients died before they were born": (
            "SELECT count(*) FROM patients WHERE death < birth"
        ),
        "events: {} events are before the patient's birth": (
            "SELECT count(*) FROM events JOIN patients USING (patient) WHERE time < birth"
        ),
    }
    if today is not None and not shifted(connection, today):
        asked["events: {} events are in the future"] = (
            f"SELECT count(*) FROM events WHERE time::DATE > DATE '{today}'"
        )
    faults = []
    for told, query in asked.items():
        count = connection.execute(query).fetchall()[0][0]
        if count:
            key, _, says = told.partition(": ")
            faults.append(Fault(key, says.format(count)))
    return faults


def shifted(connection: duckdb.DuckDBPyConnection, today: date | None) -> tuple[Told, ...]:
    """Return a warning if all events are after `today`, as in data whose dates were moved."""
    found = connection.execute("SELECT min(time)::DATE, count(time) FROM events").fetchall()
    first, count = found[0]
    if today is None or not count or first <= today:
        return ()
    says = f"all {count} events are in the future"
    return (("warning", "events", says, "were dates moved for research? then accept it"),)


def uncoded(study: Study) -> list[Fault]:
    """Return the features that no store of events can find, because they have no code."""
    faults = [
        Fault(name, "has no code in the study, and this store is searched by codes")
        for name, codes in feature_codes(study).items()
        if not codes
    ]
    if isinstance(study.outcome, TimeToEventTarget) and study.cohort.index is None:
        says = "is counted from an index event: write [cohort.index]"
        faults.append(Fault(study.target_name, says))
    if study.image is not None:
        faults = [Fault(study.image[0], "is an image, and this store holds none")]
    if study.study.unit != "patient":
        faults.append(
            Fault("study.unit", f"{study.study.unit!r}; a store of events has patients")
        )
    return faults


def leave_out(connection: duckdb.DuckDBPyConnection, opt_out: OptOut | None) -> None:
    """Blank everything of patients who opted out; they stay as ids, to be counted."""
    if opt_out is None:
        return
    connection.register("out", {"patient": np.array(sorted(opt_out.ids), object)})
    who = "patient IN (SELECT patient FROM out)"
    connection.execute(
        "INSERT INTO patients SELECT DISTINCT patient, NULL, NULL, NULL FROM events "
        f"WHERE {who}"
    )
    connection.execute(f"DELETE FROM events WHERE {who}")
    connection.execute(
        f"UPDATE patients SET sex = NULL, birth = NULL, death = NULL WHERE {who}"
    )
    connection.unregister("out")


def refuse(path: Path, faults: Sequence[Fault]) -> DataError:
    """Return the error for a store with `faults`."""
    return DataError(
        lines(str(path), list(dict.fromkeys(faults))),
        why="a value that is guessed or dropped in silence changes the answer",
        remedy="correct the mapping in dataset.toml; modelward data check shows every fault",
    )


def rows_of(
    chosen: Chosen,
    out: NDArray[np.bool_] | None,
    dataset: Dataset,
    study: Study,
    faults: list[Fault],
) -> Rows:
    """Return what was chosen of events as rows in the study's columns."""
    texts = {}
    for name, text in chosen.texts.items():
        feature = study.features[name]
        if isinstance(feature, CategoryFeature):
            levels = {**answer_levels(feature), **dataset.values.get(name, {})}
            texts[name] = mapped(text, levels)
    x = [
        values.level(texts[c.feature], c, study.features[c.feature].levels, faults)  # type: ignore[union-attr]
        if c.level is not None
        else chosen.numbers[c.feature]
        for c in columns(study)
    ]
    return Rows(
        ids=chosen.ids,
        x=np.column_stack(x) if x else np.zeros((len(chosen.ids), 0)),
        y=np.full(len(chosen.ids), np.nan),
        criteria={name: chosen.numbers[name] for name in study.cohort.criteria},
        indexed=chosen.indexed if study.cohort.index is not None else None,
        out=out,
    )


def mapped(text: NDArray[np.object_], levels: dict[str, str]) -> NDArray[np.object_]:
    """Return texts as the study's levels; what maps to '' is missing."""
    return np.array([None if t is None else levels.get(t, t) or None for t in text], object)
