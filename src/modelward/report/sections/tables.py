"""The tables of scores and verdicts, from findings to rows; nothing here knows about HTML.

What a single cell says is score_cells.py's business. Tables about the run itself (who took
part, rounds, what left) are run_tables.py's.
"""

from statistics import median
from typing import Literal

from modelward.evaluate.comparing.verdict import NAMES, Verdict
from modelward.evaluate.findings import Findings
from modelward.evaluate.patients import tested as tested_on
from modelward.report.blocks import Cell, Table, cells
from modelward.report.numbers import MISSING, count, decimal
from modelward.report.pictures.plots import SIGNS
from modelward.report.sections.score_cells import (
    METRICS,
    difference,
    estimate,
    gaps,
    methods,
    of_patients,
    ranked,
    score_cells,
    tested,
    unranked,
    with_outcome,
)

Whose = Literal["all", "common", "own"]

CALLED: dict[Whose, str] = {
    "all": "All models",
    "common": "Common models",
    "own": "Each hospital's own model",
}


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
            difference(verdict.difference),
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
