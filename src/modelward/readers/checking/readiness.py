"""Whether a site's data fit a study, found before anything is contacted.

Errors block, warnings must be accepted by name, notes inform. What the readers refuse is an
error here; the rules below look at the values that could be read. Nothing in a finding is a
value of one patient, but for the first text that could not be read.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import columns
from modelward.core.faults import Fault
from modelward.core.study import Study
from modelward.core.targets import NumberTarget
from modelward.errors import DataError
from modelward.readers.assemble import Rows, kept_rows, too_few_events, too_many_missing
from modelward.readers.checking.advice import advice
from modelward.readers.checking.copies import copies
from modelward.readers.doubtful import doubts
from modelward.readers.plausible import column_findings, look_swapped

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a data engineer should know.

    Attributes:
        level: `error` blocks, `warning` must be accepted, `note` informs.
        key: Feature, column or part of dataset.toml it is about.
        says: What was found, with counts.
        remedy: What to write where.
    """

    level: Level
    key: str
    says: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a check found.

    Attributes:
        study: Id of the study.
        units: Units that would take part; 0 if the data could not be read.
        findings: Errors first.
        accepted: Keys whose warnings somebody has accepted.
    """

    study: str
    units: int
    findings: tuple[Finding, ...]
    accepted: frozenset[str] = frozenset()

    @property
    def ready(self) -> bool:
        """Whether nothing blocks and every warning is accepted."""
        return not any(
            f.level == "error" or (f.level == "warning" and f.key not in self.accepted)
            for f in self.findings
        )


def unreadable(study: Study, error: DataError) -> Readiness:
    """Return the readiness of data that could not be opened at all."""
    first, *rest = error.what.splitlines()
    told = [_split(line.strip()) for line in rest] or [("data", first)]
    found = tuple(Finding("error", key, says, error.remedy) for key, says in told)
    return Readiness(study.id, 0, found)


def judge(
    rows: Rows,
    study: Study,
    faults: Collection[Fault],
    notes: Collection[str] = (),
    accepted: Collection[str] = (),
) -> Readiness:
    """Return what can be said of rows that were read.

    Args:
        rows: Every unit of the store.
        study: What is asked for.
        faults: What could not be read.
        notes: What the reader has to tell.
        accepted: Keys whose warnings somebody has accepted.
    """
    kept, told = kept_rows(rows, study)
    x, y, amount = _chosen(rows, kept)
    found = [
        Finding("error", f.key, f.says, advice(f.key, f.says)) for f in dict.fromkeys(faults)
    ]
    broken = {f.key for f in faults}
    missing: list[Fault] = []
    if not study.cohort.complete:
        missing = [f for f in too_many_missing(x, study) if f.key not in broken]
        found += [Finding("error", f.key, f.says, _lacking(f.key, x, study)) for f in missing]
        found += [Finding("error", f.key, f.says, UNCODED)
                  for f in too_few_events(rows, kept, study)]  # fmt: skip
    if rows.indexed is not None and len(rows.indexed) and not rows.indexed.any():
        found.append(_no_index(study))
    measured = amount if isinstance(study.outcome, NumberTarget) else None
    found += _too_few(len(y), study, unread=study.target_name in broken)
    found += _outcomes(y, measured, study, unread=study.target_name in broken)
    if len(y):
        for place, column in enumerate(columns(study)):
            if column.feature not in broken:
                told_by = column_findings(column, x[:, place], y, measured)
                found += [Finding(*each) for each in told_by]
        if not faults and not missing:  # rows of which half could not be read look alike
            told_all = [*x.T, y] if amount is None else [*x.T, y, amount]
            found += [Finding(*each) for each in copies(told_all)]
    told_of = {f.key for f in found if f.level == "error"}
    found += [Finding(*each) for each in (*look_swapped(rows.raw, study), *rows.told)]
    found += [Finding(*each) for each in doubts(dict(rows.raw), study, told_of)]
    found += [Finding("note", "cohort", note) for note in (*notes, *told)]
    unmet = sorted(set(accepted) - {f.key for f in found if f.level == "warning"})
    found += [Finding("note", "accept", f"no warning is about {name!r}") for name in unmet]
    order = {"error": 0, "warning": 1, "note": 2}
    ranked = sorted(dict.fromkeys(found), key=lambda f: order[f.level])
    return Readiness(study.id, len(y), tuple(ranked), frozenset(accepted))


UNCODED = "map this site's codes to those of the items under [codes], or widen the window"


def _lacking(key: str, x: NDArray[np.float64], study: Study) -> str:
    place = next(n for n, column in enumerate(columns(study)) if column.feature == key)
    code = " or ".join(getattr(study.features[key], "code", ()))
    if np.isnan(x[:, place]).all() and code:
        return f"no record is coded {code}: map this site's code to it under [codes]"
    if np.isnan(x[:, place]).all():
        return f"is it the right column? write under [columns]: {key} = '...'"
    return "check the unit under [units], the range in the study, and `missing` in dataset.toml"


def _no_index(study: Study) -> Finding:
    code = " or ".join(study.cohort.index.code if study.cohort.index is not None else ())
    says = f"no record is coded {code}, from which days are counted"
    return Finding("error", "cohort.index", says, "map this site's code to it under [codes]")


def _chosen(
    rows: Rows, kept: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
    """Return x, y and amount of those who take part."""
    if kept.all():
        return rows.x, rows.y, rows.amount
    return rows.x[kept], rows.y[kept], None if rows.amount is None else rows.amount[kept]


def _too_few(units: int, study: Study, *, unread: bool) -> list[Finding]:
    train, floor = round(units * (1 - study.plan.test - study.plan.validation)), study.study
    if unread or train >= floor.min_patients:  # nobody has an outcome that was not read
        return []
    says = f"about {train} units would be trained on, the study asks for {floor.min_patients}"
    return [Finding("error", "cohort", says, "widen what is extracted, or sit out")]


def _outcomes(
    y: NDArray[np.float64],
    measured: NDArray[np.float64] | None,
    study: Study,
    *,
    unread: bool,
) -> list[Finding]:
    """Return what outcomes give away that are all, or nearly all, the same."""
    name = study.target_name
    if unread or not len(y):
        return []
    if measured is not None:
        if measured.min() < measured.max():
            return []
        says = f"all {len(y)} outcomes are equal"
        return [Finding("error", name, says, "check the target's code, column or unit")]
    positive = int(np.count_nonzero(y == 1))
    rarer = min(positive, len(y) - positive)
    if rarer == 0:
        says = f"all {len(y)} outcomes are {'yes' if positive else 'no'}"
        remedy = "check the target's code, column or value map"
        return [Finding("error", name, says, remedy)]
    if rarer < RARE:
        says = f"only {rarer} of {len(y)} units have the rarer outcome"
        return [Finding("warning", name, says, "accept it, if it is so")]
    return []


RARE = 10
"""Fewer outcomes of one kind than this are worth a warning."""


def _split(line: str) -> tuple[str, str]:
    key, colon, says = line.partition(": ")
    return (key, says) if colon and " " not in key else ("data", line)


def check(
    dataset_file: Path,
    study: Study,
    today: date,
    accepted: Collection[str] = (),
    left_out: list[tuple[str, str]] | None = None,
) -> Readiness:
    """Return whether the data that `dataset_file` describes fit `study`.

    Args:
        dataset_file: The site's dataset.toml.
        study: What is asked for.
        today: Events after it are faults.
        accepted: Keys whose warnings somebody has accepted.
        left_out: Image files that are not taken are added, with the reason, if it is given.
    """
    from modelward.readers.open import open_rows  # noqa: PLC0415 - open.py reads all kinds

    faults: list[Fault] = []
    try:
        rows, notes = open_rows(dataset_file, study, faults, today, left_out)
    except DataError as error:
        return unreadable(study, error)
    return judge(rows, study, faults, notes, accepted)
