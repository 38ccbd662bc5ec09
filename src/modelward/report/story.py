"""The report, written once: ten sections in the order in which readers ask.

A clinician reads the first three, a data scientist all but the seventh, a data protection
officer the seventh to the tenth. The words about safety follow the rule of the project: say
what was measured, and what was not.
"""

import shlex

from modelward.evaluate.choice import MARGIN
from modelward.evaluate.compare import Metric
from modelward.evaluate.findings import Findings
from modelward.evaluate.scores import ModelFindings
from modelward.evaluate.verdict import Verdict
from modelward.report import plots
from modelward.report.answer import answer
from modelward.report.beyond import beyond_tables
from modelward.report.blocks import (
    Block,
    Command,
    Figure,
    Listing,
    Section,
    Story,
    Table,
    Words,
    cells,
)
from modelward.report.cells import MIN_CELL
from modelward.report.numbers import duration, minus, spelled
from modelward.report.run_tables import (
    deviation_table,
    egress_table,
    reliability_table,
    roc_table,
    root_table,
    round_table,
    training_table,
)
from modelward.report.tables import (
    cross_table,
    local_table,
    model_table,
    published_table,
    site_table,
    verdict_table,
)

MOST_CROSSED = 12
"""Hospitals up to which every model is shown in every hospital."""

MOST_CURVES = 4
"""Lines in one picture; more cannot be told apart in print."""

AXES: dict[Metric, str] = {
    "auc": "AUC, federated minus local: right is better",
    "brier": "Brier score, local minus federated: right is better",
}
"""What a verdict may be decided on, and how it is drawn."""


def tell(findings: Findings, min_cell: int = MIN_CELL) -> Story:
    """Return the report on `findings`, small cells already hidden.

    Args:
        findings: What is reported.
        min_cell: The smallest count shown, for "<10" where one is hidden.
    """
    record = findings.record
    where = "simulated hospitals" if record.simulated_sites else "real hospitals"
    how = "in one process on one machine" if record.in_one_process else "between institutions"
    return Story(
        kicker=f"Modelward study report · {record.study.id} · version {record.study.version}",
        title=record.study.purpose,
        standfirst=f"{spelled(len(record.sites)).capitalize()} {where}, run {how}.",
        sections=(
            Section("The answer", answer(findings)),
            Section("Was it worth it, hospital by hospital?", verdicts(findings, min_cell)),
            Section("Federated, pooled and alone", comparison(findings)),
            Section("Learning, round by round", rounds(findings)),
            Section("Discrimination and calibration", curves(findings)),
            Section("Performance in each hospital", performance(findings, min_cell)),
            Section("What left each hospital", egress(findings)),
            Section("Privacy", privacy(findings)),
            Section("How this was made", provenance(findings, min_cell)),
            Section("Limits", (Listing(limits(findings)),)),
        ),
    )


def performance(findings: Findings, min_cell: int) -> tuple[Block, ...]:
    """Return every hospital's figures, and those of grades or masks where there are any."""
    return (site_table(findings, min_cell), *beyond_tables(findings))


def verdicts(findings: Findings, min_cell: int) -> tuple[Block, ...]:
    """Return the forest plot, its table, and each verdict in a sentence."""
    drawn = tuple(
        plots.forest(rows, axis)
        for metric, axis in AXES.items()
        if (rows := forest_rows(findings, metric))
    )
    table = verdict_table(findings, min_cell)
    sentences = tuple(
        (findings.record.title(one.site), minus(f"{one.sentence} {one.reason}".strip()))
        for one in findings.verdicts
    )
    shown: Block = (
        Figure(
            drawn,
            "Difference between the federated and the local model, each hospital on its own"
            " test units, with 95% interval. A verdict needs the whole interval on one side"
            " of zero.",
            table,
        )
        if drawn
        else table
    )
    return (shown, Listing(sentences), *choices(findings))


def choices(findings: Findings) -> tuple[Block, ...]:
    """Return what each site should use, where it had several models to choose from."""
    if not findings.choices:
        return ()
    chosen = tuple(
        (findings.record.title(one.site), minus(one.sentence)) for one in findings.choices
    )
    return (
        Words(
            "What to use, chosen by log loss on each hospital's validation units and judged on"
            f" its test units, with a margin of {MARGIN:g} fixed beforehand:"
        ),
        Listing(chosen),
    )


def forest_rows(findings: Findings, metric: Metric) -> list[plots.ForestRow]:
    """Return the verdicts decided on `metric` as rows to draw, positive meaning better."""

    def row(verdict: Verdict, middle: float) -> plots.ForestRow:
        sign = -1 if metric == "brier" else 1
        interval = verdict.difference.interval
        ends = sorted((sign * interval.low, sign * interval.high)) if interval else (None, None)
        name = findings.record.title(verdict.site)
        return plots.ForestRow(name, verdict.word, sign * middle, ends[0], ends[1])

    return [
        row(verdict, verdict.difference.value)
        for verdict in findings.verdicts
        if verdict.metric == metric and verdict.difference.value is not None
    ]


def comparison(findings: Findings) -> tuple[Block, ...]:
    """Return the models side by side, the literature, and local models away from home."""
    tables = [model_table(findings)]
    if findings.record.published:
        tables.append(published_table(findings))
    if any(model.name.startswith("local:") for model in findings.models):
        tables.append(local_table(findings))
        if len(findings.record.sites) <= MOST_CROSSED:
            tables.append(cross_table(findings))
    return tuple(tables)


def rounds(findings: Findings) -> tuple[Block, ...]:
    """Return the learning curve and its table."""
    run = findings.record.run
    ended = f" How it ended: {run.ended}." if run.ended else ""
    words = Words(f"The run took {run.rounds:,} rounds and {duration(run.seconds)}.{ended}")
    shown = [curve for curve in run.curves if any(v is not None for v in curve.values)]
    apart = (deviation_table(findings),) if run.deviations else ()
    if not shown:
        return (words, Words("No validation metric was recorded during the rounds."), *apart)
    lines = [(findings.record.label(c.model), c.values) for c in shown[:MOST_CURVES]]
    return (
        words,
        Figure(
            (plots.learning(lines, shown[0].metric),),
            f"{shown[0].metric[:1].upper()}{shown[0].metric[1:]} after each round.",
            round_table(findings),
        ),
        *apart,
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


def egress(findings: Findings) -> tuple[Block, ...]:
    """Return what left, and how a stranger can check the record of it."""
    first = (
        "Raw records are not sent by the protocol. Every artifact that passed a gate is in that"
        " hospital's ledger, an append-only Merkle log with a signed checkpoint."
    )
    ledgers = [site.ledger for site in findings.record.sites if site.ledger]
    if not ledgers:
        return (Words(first), egress_table(findings))
    return (
        Words(first),
        egress_table(findings),
        root_table(findings),
        Words("Verify them yourself; this needs only the ledger and the public key:"),
        Command(
            tuple(
                f"modelward ledger verify {shlex.quote(one.path)} --key {shlex.quote(one.key)}"
                for one in ledgers
            )
        ),
    )


def privacy(findings: Findings) -> tuple[Block, ...]:
    """Return what was done for privacy, and what is known about leakage."""
    return (
        Words(findings.record.privacy),
        Words(
            "This report holds counts, metrics and hashes. Pictures are drawn from groups of at"
            " least ten."
            + (
                ""
                if findings.record.in_one_process
                else " Small counts, and figures that would show them, are left out."
            )
        ),
    )


def provenance(findings: Findings, min_cell: int) -> tuple[Block, ...]:
    """Return who took part and everything needed to make this again."""
    record = findings.record
    study, run = record.study, record.run
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    facts = (
        ("Study", f"{study.id}, version {study.version}"),
        ("Study hash (SHA-256)", study.sha256),
        ("Model hash (SHA-256)", run.model_sha256),
        ("Outcome", study.outcome),
        ("Recipe", study.recipe),
        ("Strategy", study.strategy),
        ("Scaling of inputs", run.scaling),
        ("Seed", str(study.seed)),
        ("Numeric path", run.numeric_path),
        ("Versions", versions),
        ("Data", record.data_source),
        ("Licence of the data", record.licence),
        ("Legal basis", study.legal_basis),
        ("Contact", study.contact),
    )
    about = Table(
        caption="Facts",
        head=("What", "Value"),
        rows=tuple(cells(name, value) for name, value in facts if value),
        words=2,
    )
    notes = [Listing(tuple(("", note) for note in record.notes))] if record.notes else []
    return (training_table(findings, min_cell), about, *notes)


def limits(findings: Findings) -> tuple[tuple[str, str], ...]:
    """Return what this report does not show, as sentences with a leading term."""
    record = findings.record
    found = [
        (
            "Chance.",
            "Intervals describe other test units of the same kind, not another training run,"
            " another seed or another hospital.",
        ),
        (
            "Many verdicts.",
            "Each verdict is one hospital's own question at 95%; they are not adjusted for"
            " their number.",
        ),
        ("Threshold.", "Accuracy, sensitivity and specificity use 0.5, no clinical cut-off."),
    ]
    if record.study.unit != "patient":
        found.append(
            (
                "Unit.",
                f"Intervals treat every {record.study.unit} as independent; several of one"
                " patient make them too narrow.",
            )
        )
    if record.simulated_sites:
        found.append(
            ("Simulated hospitals.", "One data set was split; real ones differ in more ways.")
        )
    if record.in_one_process:
        found.append(
            (
                "One machine.",
                "All records were on one machine: this shows the method, not a deployment.",
            )
        )
    found.append(("Use.", "A research result, not validated for the care of patients."))
    return tuple(found)
