"""How scores stand in cells, and what is said of those that are missing; nothing of HTML.

Rows and columns of a table are tables.py's business, how a number is written numbers.py's.
Small counts are hidden before anything comes here (cells.py).
"""

import re
from collections.abc import Sequence

from modelward.evaluate.comparing.verdict import digits_of
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.discrimination import ONE_CLASS, SINGLE_MEMBER, SINGLE_PATIENT
from modelward.evaluate.measures.scores import Scores
from modelward.evaluate.patients import Patients
from modelward.report.blocks import Cell
from modelward.report.cells import NOT_SHOWN
from modelward.report.many import MANY, some
from modelward.report.numbers import MISSING, between, count, decimal, signed

ANY_SHARE = re.compile(r"^[\d.]+% of the resamples")
SOME_SHARE = "more than 1% of the resamples"

SINGLE = (SINGLE_MEMBER, SINGLE_PATIENT)
"""Notes of an AUC that hangs on one unit, or on one patient."""

METRICS = ("AUC", "Accuracy", "Sensitivity", "Specificity", "Brier", "Slope", "Intercept")
"""Columns of every table of scores."""


def estimate(value: Estimate, digits: int = 3, *, sign: bool = False) -> Cell:
    """Return an estimate with its interval beneath."""
    shown = signed(value.value, digits) if sign else decimal(value.value, digits)
    return Cell(shown, between(value, digits, sign=sign))


def bracket(value: Estimate | None) -> Cell:
    """Return the interval of a difference alone, with nothing where there is none."""
    return Cell(MISSING if value is None else between(value, sign=True) or MISSING)


def score_cells(scores: Scores) -> tuple[Cell, ...]:
    """Return the seven figures of `METRICS`."""
    return (
        estimate(scores.auc),
        estimate(scores.accuracy),
        estimate(scores.sensitivity),
        estimate(scores.specificity),
        estimate(scores.brier),
        estimate(scores.slope, 2),
        estimate(scores.intercept, 2),
    )


def tested(scores: Scores, fewest: int) -> str:
    """Return how many test units there are; "<10" where hidden, "not told" where unknown."""
    unknown = scores.units is None and not scores.accuracy.note.startswith(NOT_SHOWN)
    return "not told" if unknown else count(scores.units, fewest)


def of_patients(patients: Patients | None) -> str:
    """Return whose units a count is of, to stand behind it; "" where each is its own."""
    return "" if patients is None else f", of {patients.every:,} patients"


def ranked(auc: Estimate) -> Estimate:
    """Return an AUC, without its value where an outcome has a single unit.

    That unit alone would decide it: 0, 1 or anything between is then no figure of a hospital.
    """
    return Estimate(None, None, auc.note) if auc.note in SINGLE else auc


def unranked(findings: Findings) -> tuple[str, ...]:
    """Return a note that names hospitals without an AUC; nothing of those that are hidden."""
    record = findings.record
    away = [
        record.title(site.name)
        for site in record.sites
        if findings.federated.at(site.name).auc.note in {ONE_CLASS, *SINGLE}
    ]
    single = any(one.auc.note == SINGLE_PATIENT for one in findings.federated.by_site)
    who = "patient" if single else record.study.unit
    why = f"fewer than two test {who}s with the outcome, or without it"
    return (f"No AUC at {some(away)}: {why}.",) if away else ()


def methods(groups: Sequence[Scores]) -> str:
    """Return the method of each interval that occurs in `groups`, as one note."""
    used: dict[str, list[str]] = {}
    for name in METRICS:
        for scores in groups:
            one: Estimate = getattr(scores, name.lower())
            if one.interval and name not in used.setdefault(one.interval.method, []):
                used[one.interval.method].append(name)
    said = "; ".join(f"{', '.join(names)}: {method}" for method, names in used.items() if names)
    return f"95% intervals in brackets. {said}." if said else ""


def gaps(rows: Sequence[tuple[str, Scores]]) -> tuple[str, ...]:
    """Return one sentence per reason for which a figure or its interval is missing.

    Of many, shares of resamples that differ from row to row are one reason.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for who, scores in rows:
        for name in METRICS:
            one: Estimate = getattr(scores, name.lower())
            if one.note:
                note = ANY_SHARE.sub(SOME_SHARE, one.note) if len(rows) > MANY else one.note
                found.setdefault(note, {}).setdefault(who, []).append(name)
    return tuple(
        some([f"{who} ({', '.join(names)})" for who, names in where.items()], "; ")
        + f": {note}."
        for note, where in found.items()
    )


def difference(value: Estimate) -> Cell:
    """Return a difference; an end of its interval has the digits that show its side of zero."""
    low_high = between(value, sign=True)
    if value.interval is not None:
        ends = (value.interval.low, value.interval.high)
        low_high = ", ".join(signed(end, digits_of((end,), 3)) for end in ends)
        low_high = f"[{low_high}]"
    return Cell(signed(value.value), low_high)


def with_outcome(value: int | None) -> str:
    """Return how many have the outcome, in words."""
    return "outcome not shown" if value is None else f"{value:,} with outcome"
