"""What a report says of grades, masks and lifetimes: a table per measure, by hospital."""

from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.beyond import Beyond
from modelward.report.blocks import Block, Cell, Table
from modelward.report.many import MANY
from modelward.report.numbers import MISSING, between, decimal

MEANS = {
    "quadratic kappa": "1 is every grade right, 0 is what chance gives; a grade that is two"
    " levels off counts four times one that is one off (Cohen 1968).",
    "accuracy of the level": "The likeliest level is the true one.",
    "sensitivity": "Of the units of a level, the share whose likeliest level it is.",
    "AUC against the others": "Ranking by the probability of the level.",
    "Dice": "1 is full overlap, over images in which something is drawn.",
    "C-index": "Of two patients of one hospital, how often the one who is expected to lose more"
    " time had the event first; 0.5 is what chance gives, 1 is always. Patients who left early"
    " count as far as they were followed.",
    "integrated Brier score": "Squared error of the predicted survival, averaged over the"
    " follow-up; lower is better, and 0.25 is what one half for everybody would have at most.",
    "HD95 in pixels": "Lower is better: 95 % of edge pixels are this near or nearer.",
}
"""What a reader needs to know of each measure."""


def beyond_tables(findings: Findings) -> tuple[Block, ...]:
    """Return one table per measure: whole measures by hospital, those of levels for all."""
    tables: list[Block] = []
    for measure in dict.fromkeys(one.measure for one in findings.beyond):
        here = [one for one in findings.beyond if one.measure == measure]
        by_level = any(one.of for one in here)
        tables.append(_by_level(findings, here) if by_level else _by_site(findings, here))
    return tuple(tables)


def _by_site(findings: Findings, here: list[Beyond]) -> Table:
    """Return models by rows and hospitals by columns; of many hospitals turned, in _by_home."""
    if len(findings.record.sites) > MANY:
        return _by_home(findings, here)
    sites = list(dict.fromkeys(one.site for one in here))
    head = ("Model", *("All" if not s else findings.record.title(s) for s in sites))
    return _table(findings, here, head, {(o.model, o.site): o for o in here}, sites)


def _by_home(findings: Findings, here: list[Beyond]) -> Table:
    """Return hospitals by rows: the common models there, and its own."""
    record, at = findings.record, {(one.model, one.site): one for one in here}
    common = [m for m in dict.fromkeys(one.model for one in here) if not m.startswith("local:")]
    sites = list(dict.fromkeys(one.site for one in here))
    rows = tuple(
        (
            Cell(record.title(site) if site else "All"),
            *(_cell(at.get((model, site))) for model in common),
            _cell(at.get((f"local:{site}", site))),
        )
        for site in sites
    )
    measure = here[0].measure
    return Table(
        caption=f"{measure[0].upper()}{measure[1:]}",
        head=("Hospital", *(record.label(model) for model in common), "Own model"),
        rows=rows,
        notes=(MEANS.get(measure, ""), "Own models away from home: report.json."),
    )


def _by_level(findings: Findings, here: list[Beyond]) -> Table:
    """Return models by rows and levels by columns, on the units of all hospitals."""
    whole = [one for one in here if not one.site]
    levels = list(dict.fromkeys(one.of for one in whole))
    head = ("Model", *levels)
    return _table(findings, whole, head, {(o.model, o.of): o for o in whole}, levels)


def _table(
    findings: Findings,
    here: list[Beyond],
    head: tuple[str, ...],
    at: dict[tuple[str, str], Beyond],
    across: list[str],
) -> Table:
    models = list(dict.fromkeys(one.model for one in here))
    rows = tuple(
        (
            Cell(findings.record.label(model)),
            *(_cell(at.get((model, column))) for column in across),
        )
        for model in models
    )
    measure = here[0].measure
    said = dict.fromkeys(o.estimate.note for o in here if o.estimate.note and not o.site)
    return Table(
        caption=f"{measure[0].upper()}{measure[1:]}",
        head=head,
        rows=rows,
        notes=(MEANS.get(measure, ""), *(f"{note[0].upper()}{note[1:]}." for note in said)),
    )


def _cell(one: Beyond | None) -> Cell:
    if one is None or one.estimate.value is None:
        return Cell(MISSING)
    return Cell(decimal(one.estimate.value, 3), between(one.estimate, 3))
