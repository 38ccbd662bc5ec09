"""The tables of scores and verdicts, from findings to cells; nothing here knows about HTML.

Tables about the run itself (who took part, rounds, what left) are run_tables.py's business.
"""

import re
from collections.abc import Sequence
from statistics import median
from typing import Literal

from modelward.evaluate.discrimination import ONE_CLASS, SINGLE_MEMBER, SINGLE_PATIENT
from modelward.evaluate.estimate import Estimate
from modelward.evaluate.findings import Findings
from modelward.evaluate.patients import Patients
from modelward.evaluate.patients import tested as tested_on
from modelward.evaluate.scores import Scores
from modelward.evaluate.verdict import NAMES, Verdict, digits_of
from modelward.report.blocks import Cell, Table, cells
from modelward.report.cells import NOT_SHOWN
from modelward.report.many import MANY, some
from modelward.report.numbers import MISSING, between, count, decimal, signed
from modelward.report.plots import SIGNS

Whose = Literal["all", "common", "own"]

SINGLE = (SINGLE_MEMBER, SINGLE_PATIENT)
"""Notes of an AUC that hangs on one unit, or on one patient."""

CALLED: dict[Whose, str] = {
    "all": "All models",
    "common": "Common models",
    "own": "Each hospital's own model",
}

ANY_SHARE = re.compile(r"^[\d.]+% of the resamples")
SOME_SHARE = "more than 1% of the resamples"

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
    why = f"fewer than two test {record.study.unit}s with the outcome, or without it"
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


def model_table(findings: Findings, *, whose: Whose = "all") -> Table:
    """Return models on the test units of all sites together.

    Args:
        findings: What is reported.
        whose: Which models: all, the common ones, or the hospitals' own.
    """
    record, unit = findings.record, findings.record.study.unit
    rows: list[tuple[Cell, ...]] = []
    everyone = findings.federated.overall
    chosen = [
        model
        for model in findings.models
        if whose == "all" or model.name.startswith("local:") == (whose == "own")
    ]
    for model in chosen:
        if model.name.startswith("local:") and model.overall.accuracy.value is None:
            continue  # it has not left its hospital
        rows.append((Cell(record.label(model.name)), *score_cells(model.overall)))
        if model.name == "federated" and findings.model("pooled") is None:
            rows.append((Cell("Pooled", record.pooled_note), *cells(*[MISSING] * len(METRICS))))
    who = f"test {unit}s"
    if everyone.units:
        who = tested_on(everyone.units, unit, everyone.patients)
    return Table(
        caption=f"{CALLED[whose]} on the {who} of all hospitals",
        head=("Model", *METRICS),
        rows=tuple(rows),
        notes=(
            methods([model.overall for model in chosen]),
            "Threshold 0.5. Brier: 0 is best."
            " Slope: 1 is best, below 1 means too extreme. Intercept: 0 is best, below 0 means"
            " too high on average.",
            *gaps([(record.label(m.name), m.overall) for m in chosen]),
        ),
    )


def published_table(findings: Findings) -> Table:
    """Return figures from the literature, with ours beside them."""
    overall = findings.federated.overall
    return Table(
        caption="Published figures",
        head=("Model", "Source", "Metric", "Published", "Federated, here"),
        rows=tuple(
            (
                *cells(one.name, one.source, NAMES[one.metric], decimal(one.value)),
                estimate(getattr(overall, one.metric)),
            )
            for one in findings.record.published
        ),
        words=3,
        notes=("Other code, and possibly other preprocessing: an orientation, not a contest.",),
    )


def local_table(findings: Findings) -> Table:
    """Return each local model at home and elsewhere, the federated model beside it."""
    record, federated = findings.record, findings.federated
    rows = []
    for site in record.sites:
        local = findings.model(f"local:{site.name}")
        own = estimate(ranked(local.at(site.name).auc)) if local else Cell(MISSING, "no model")
        away = estimate(local.overall.auc) if local else Cell(MISSING)
        rows.append(
            (
                Cell(record.title(site.name)),
                own,
                estimate(ranked(federated.at(site.name).auc)),
                away,
                estimate(federated.overall.auc),
            )
        )
    unit = record.study.unit
    return Table(
        caption="AUC of each hospital's own model, at home and on everybody",
        head=(
            "Hospital",
            f"Own model, own {unit}s",
            f"Federated, own {unit}s",
            f"Own model, all {unit}s",
            f"Federated, all {unit}s",
        ),
        rows=tuple(rows),
        notes=unranked(findings),
    )


def cross_table(findings: Findings) -> Table:
    """Return the AUC of every model in every hospital; the worst hospital of each in a note."""
    record = findings.record
    rows, worst = [], []
    for model in findings.models:
        found = [(site.name, ranked(model.at(site.name).auc)) for site in record.sites]
        rows.append((Cell(record.label(model.name)), *(estimate(auc) for _, auc in found)))
        known = [(auc.value, site) for site, auc in found if auc.value is not None]
        if known and not model.name.startswith("local:"):
            least, site = min(known)
            worst.append(f"{record.label(model.name)}: {record.title(site)}, {decimal(least)}")
    return Table(
        caption=f"AUC of every model on the test {record.study.unit}s of every hospital",
        head=("Model", *(record.title(site.name) for site in record.sites)),
        rows=tuple(rows),
        notes=(
            *((f"Lowest of a hospital: {'; '.join(worst)}.",) if worst else ()),
            *unranked(findings),
        ),
    )


def spread_table(findings: Findings) -> Table:
    """Return how the AUC of every model spreads over the hospitals, where there are many."""
    record, rows = findings.record, []
    for model in findings.models:
        known = [
            (auc, record.title(one.site))
            for one in model.by_site
            if (auc := ranked(one.auc).value) is not None
        ]
        home = [s for s in model.by_site if model.name == f"local:{s.site}"]
        if not known:
            continue
        values = [auc for auc, _ in known]
        rows.append(
            (
                Cell(record.label(model.name)),
                Cell(decimal(min(values)), min(known)[1]),
                Cell(decimal(median(values))),
                Cell(decimal(max(values)), max(known)[1]),
                Cell(decimal(ranked(home[0].auc).value) if home else MISSING),
            )
        )
    return Table(
        caption=f"AUC of every model over the test {record.study.unit}s of the hospitals",
        head=("Model", "Lowest", "Median", "Highest", "At home"),
        rows=tuple(rows),
        notes=(
            "Every model in every hospital, with intervals: report.json.",
            *unranked(findings),
        ),
    )


def verdict_table(findings: Findings, fewest: int) -> Table:
    """Return the numbers behind each verdict; counts below `fewest` are hidden already."""
    unit = findings.record.study.unit

    def row(verdict: Verdict) -> tuple[Cell, ...]:
        better = "lower is better" if verdict.metric == "brier" else ""
        return (
            Cell(findings.record.title(verdict.site)),
            Cell(
                count(verdict.units, fewest),
                with_outcome(verdict.positives) + of_patients(verdict.patients),
            ),
            Cell(NAMES[verdict.metric], better),
            Cell(decimal(verdict.federated)),
            Cell(decimal(verdict.local)),
            _difference(verdict.difference),
            Cell(f"{SIGNS[verdict.word]} {verdict.word}"),
        )

    used = {v.difference.interval.method for v in findings.verdicts if v.difference.interval}
    tested = f"Test {unit}s"
    return Table(
        caption=f"Federated against local, each hospital on its own test {unit}s",
        head=("Hospital", tested, "Metric", "Federated", "Local", "Difference", "Verdict"),
        rows=tuple(row(verdict) for verdict in findings.verdicts),
        notes=(f"95% intervals in brackets: {'; '.join(sorted(used))}.",) if used else (),
    )


def _difference(value: Estimate) -> Cell:
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


def site_table(findings: Findings, fewest: int) -> Table:
    """Return federated, pooled and own model on the test units of each site."""
    record = findings.record
    rows, shown = [], []
    for site in record.sites:
        names = ("federated", "pooled", f"local:{site.name}")
        judged = [model for name in names if (model := findings.model(name))]
        title = record.title(site.name)
        for model in judged:
            scores = model.at(site.name)
            first = Cell("")
            if model.name == "federated":
                who = tested(scores, fewest)
                unit = f"{record.study.unit}s"
                first = Cell(title, f"{unit} {who}" if who == "not told" else f"{who} {unit}")
            own = model.name.startswith("local:")
            name = "Own model" if own else record.label(model.name)
            rows.append((first, Cell(name), *score_cells(scores)))
            shown.append((f"{title}, {name}", scores))
    return Table(
        caption=f"Each hospital's own test {record.study.unit}s",
        head=("Hospital", "Model", *METRICS),
        rows=tuple(rows),
        words=2,
        notes=(methods([scores for _, scores in shown]), *gaps(shown)),
    )
