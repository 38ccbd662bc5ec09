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
from modelward.errors import DataError
from modelward.readers.advice import advice
from modelward.readers.assemble import Rows, kept_rows, too_few_events, too_many_missing
from modelward.readers.cells import distinct
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
    x, y = (rows.x, rows.y) if kept.all() else (rows.x[kept], rows.y[kept])
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
    found += _counts(y, study, unread=study.target_name in broken)
    if len(y):
        for place, column in enumerate(columns(study)):
            if column.feature not in broken:
                found += [Finding(*each) for each in column_findings(column, x[:, place], y)]
        if not faults and not missing:  # rows of which half could not be read look alike
            found += [Finding(*each) for each in _copies(x, y)]
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


def _counts(y: NDArray[np.float64], study: Study, *, unread: bool) -> list[Finding]:
    if unread:  # nobody has an outcome that was not read
        return []
    floor, name = study.study.min_patients, study.target_name
    found = []
    train = round(len(y) * (1 - study.plan.test - study.plan.validation))
    if train < floor:
        says = f"about {train} units would be trained on, the study asks for {floor}"
        found.append(Finding("error", "cohort", says, "widen what is extracted, or sit out"))
    positive = int(np.count_nonzero(y == 1))
    rarer = min(positive, len(y) - positive)
    if len(y) and rarer == 0:
        says = f"all {len(y)} outcomes are {'yes' if positive else 'no'}"
        found.append(
            Finding("error", name, says, "check the target's code, column or value map")
        )
    elif 0 < rarer < RARE:
        says = f"only {rarer} of {len(y)} units have the rarer outcome"
        found.append(Finding("warning", name, says, "accept it, if it is so"))
    return found


RARE = 10
"""Fewer outcomes of one kind than this are worth a warning."""

COPIED = 0.2
"""Share of rows that may equal an earlier one in every feature and the outcome."""


def _copies(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> list[tuple[Level, str, str, str]]:
    if x.shape[1] < 3:  # noqa: PLR2004 - few coarse columns repeat by themselves
        return []
    copies = len(x) - distinct(_prints(x, y))
    if copies <= COPIED * len(x):
        return []
    says = f"{copies} of {len(x)} units equal another one in every feature"
    return [("warning", "patient", says, "was the export appended to itself under new ids?")]


def _prints(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return 64 bits for every unit, the same for the same values.

    Mixed as by splitmix64 (Steele et al. 2014), so different units meet by chance only.
    """
    found = np.zeros(len(y), np.uint64)
    for column in (*x.T, y):
        bits = np.where(np.isnan(column), -1e308, column + 0.0).view(np.uint64)
        found = (found ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        found ^= found >> np.uint64(29)
    return found


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
