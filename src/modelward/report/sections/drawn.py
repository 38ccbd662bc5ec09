"""Curves: learning round by round, ROC, reliability, and whether acting on the model pays."""

from collections.abc import Sequence

from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.decision import useful
from modelward.evaluate.measures.scores import ModelFindings
from modelward.report.blocks import Block, Figure, Table, Words, cells
from modelward.report.many import some
from modelward.report.numbers import MISSING, decimal, duration
from modelward.report.pictures import plots
from modelward.report.pictures.decision_plot import decision
from modelward.report.pictures.paths import ends_worst, paths
from modelward.report.sections.run_tables import (
    deviation_table,
    reliability_table,
    roc_table,
    round_table,
    shown_rounds,
)
from modelward.report.sections.score_cells import estimate

FEWEST_ROUNDS = 2

MOST_CURVES = 4
"""Lines in one picture; more cannot be told apart in print."""


def rounds(findings: Findings) -> tuple[Block, ...]:
    """Return the learning curve and its table."""
    run = findings.record.run
    ended = f" How it ended: {run.ended}." if run.ended else ""
    words = Words(f"The run took {run.rounds:,} rounds and {duration(run.seconds)}.{ended}")
    shown = [curve for curve in run.curves if any(v is not None for v in curve.values)]
    apart: tuple[Block, ...] = (deviation_table(findings),) if run.deviations else ()
    apart = (*site_paths(findings), *apart)
    if not shown:
        return (words, Words("No validation metric was recorded during the rounds."), *apart)
    lines = [(findings.record.label(c.model), c.values) for c in shown[:MOST_CURVES]]
    return (
        words,
        *_undecided(shown[0].values, findings.record.study.unit),
        Figure(
            (plots.learning(lines, shown[0].metric),),
            f"{shown[0].metric[:1].upper()}{shown[0].metric[1:]} after each round.",
            round_table(findings),
        ),
        *apart,
    )


def _undecided(values: Sequence[float | None], unit: str) -> tuple[Block, ...]:
    """Say so where the watched figure cannot have chosen a round."""
    if len(values) < FEWEST_ROUNDS or values[0] is None or set(values) != {values[0]}:
        return ()
    return (
        Words(
            "The watched figure was the same after every round, so it chose none; how it ended"
            f" says what did. Counts of few validation {unit}s are grouped by each hospital's"
            " gate until they say little. More of them (plan.validation) make finer groups, and"
            " metric = 'loss' moves with the scores in a group."
        ),
    )


def curves(findings: Findings) -> tuple[Block, ...]:
    """Return ROC and reliability of the federated and the pooled model."""
    models: list[tuple[str, ModelFindings]] = [
        (findings.record.label(name), model)
        for name in ("federated", "pooled")
        if (model := findings.model(name))
    ]
    with_roc = [(name, model.roc) for name, model in models if model.roc]
    with_points = [(name, model.reliability) for name, model in models if model.reliability]
    blocks: list[Block] = []
    if with_roc:
        caption = (
            "ROC curves on all test units, drawn from groups of at least ten, so that no"
            " single unit shows."
        )
        blocks.append(Figure((plots.roc(with_roc),), caption, roc_table(models)))
    if with_points:
        caption = (
            "Reliability on all test units, in groups of at least ten; whiskers are 95%"
            f" intervals of the {with_points[0][0].lower()} model."
        )
        drawn = plots.reliability(with_points)
        blocks.append(Figure((drawn,), caption, reliability_table(models)))
    return tuple(blocks) or (Words("Too few test units, or only one outcome, to draw."),)


def site_paths(findings: Findings) -> tuple[Block, ...]:
    """Return the watched metric at each hospital, round by round."""
    found, record = findings.evaluation, findings.record
    if found is None or not found.paths:
        return ()
    metric = record.run.curves[0].metric if record.run.curves else "validation"
    listed = shown_rounds(max(len(one.values) for one in found.paths))
    table = Table(
        caption=f"{metric[:1].upper()}{metric[1:]} at each hospital",
        head=("Hospital", *(f"Round {number}" for number in listed)),
        rows=tuple(
            cells(
                record.title(one.site),
                *(
                    decimal(one.values[n - 1]) if n <= len(one.values) else MISSING
                    for n in listed
                ),
            )
            for one in found.paths
        ),
        notes=(
            "From the counts by score bin that each hospital released; few validation"
            f" {record.study.unit}s make a line jump.",
            *_without_a_line(findings, {one.site for one in found.paths}),
        ),
    )
    lines = [(record.title(one.site), one.values) for one in found.paths]
    said = "The same model, at each hospital, after each round"
    if len(lines) > 1:
        said += f"; dashed with squares: {ends_worst(lines, metric)}, which ends worst"
    return (Figure((paths(lines, metric),), f"{said}.", table),)


def _without_a_line(findings: Findings, drawn: set[str]) -> tuple[str, ...]:
    """Say which hospitals have no line, and why that can be."""
    record = findings.record
    others = [record.title(site.name) for site in record.sites if site.name not in drawn]
    if not others:
        return ()
    return (
        f"Without a line: {some(others)}; no answer in any round, or no validation "
        f"{record.study.unit}s of both outcomes.",
    )


def pays(findings: Findings) -> tuple[Block, ...]:
    """Return the decision curve, its table, and where acting on the model pays."""
    found, record = findings.evaluation, findings.record
    curves = [
        (record.label(name), points)
        for name, points in (found.decisions.items() if found else ())
        if points
    ]
    if not curves:
        return ()
    table = Table(
        caption="Net benefit",
        head=("Threshold", *(name for name, _ in curves), "Acting on everybody"),
        rows=tuple(
            (
                *cells(decimal(point.threshold, 2)),
                *(
                    estimate(each[0].model)
                    if (each := [p for p in points if p.threshold == point.threshold])
                    else cells(MISSING)[0]
                    for _, points in curves
                ),
                *cells(decimal(point.everybody)),
            )
            for point in curves[0][1]
        ),
        notes=(
            "In cases per unit: true positives minus false alarms at the odds of the threshold"
            " (Vickers and Elkin 2006). Acting on nobody has 0. 95% intervals in brackets:"
            " stratified bootstrap. A threshold is left out where fewer than ten units lie"
            " between it and the one before, or above it.",
        ),
    )
    span = useful(curves[0][1])
    said = (
        f"Acting on the {curves[0][0].lower()} model is better than acting on everybody and"
        f" than acting on nobody at {_span(*span)}."
        if span
        else "At no threshold is acting on the model surely better than both other ways."
    )
    return (Figure((decision(curves),), said, table),)


def _span(low: float, high: float) -> str:
    """Return thresholds in words; one is not a range."""
    one = f"{low:.2f}"
    return (
        f"a threshold of {one}"
        if one == f"{high:.2f}"
        else f"thresholds from {one} to {high:.2f}"
    )
