"""The tables about the run: who took part, how it went round by round, what left."""

from collections.abc import Sequence

from modelward.evaluate.estimate import Estimate
from modelward.evaluate.facts.deviation import LIMIT
from modelward.evaluate.facts.record import LedgerFacts
from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.scores import ModelFindings
from modelward.report.blocks import Table, cells
from modelward.report.numbers import MISSING, count, decimal, nbytes, positives
from modelward.report.sections.score_cells import estimate, tested

MOST_ROUNDS = 10
"""Rows of a table of rounds; of more rounds, evenly spread ones are shown."""

NOT_ALL = "Not every round is listed; report.json has all."


def round_table(findings: Findings) -> Table:
    """Return validation by round, at most `MOST_ROUNDS` evenly spread rounds and the last."""
    curves = findings.record.run.curves
    rounds = max(len(curve.values) for curve in curves)
    shown = shown_rounds(rounds)
    return Table(
        caption=f"{curves[0].metric[:1].upper()}{curves[0].metric[1:]} by round",
        head=("Round", *(findings.record.label(curve.model) for curve in curves)),
        rows=tuple(
            cells(
                str(number),
                *(
                    decimal(c.values[number - 1]) if number <= len(c.values) else MISSING
                    for c in curves
                ),
            )
            for number in shown
        ),
        notes=("Not every round is listed; report.json has all.",)
        if len(shown) < rounds
        else (),
    )


def shown_rounds(rounds: int) -> list[int]:
    """Return at most about `MOST_ROUNDS` evenly spread rounds, and the last."""
    every = max(1, -(-rounds // MOST_ROUNDS))
    return sorted({*range(1, rounds + 1, every), rounds})


def roc_table(models: Sequence[tuple[str, ModelFindings]]) -> Table:
    """Return the points of the ROC curves."""
    return Table(
        caption="ROC points",
        head=("Model", "Threshold", "False alarms", "Sensitivity"),
        rows=tuple(
            cells(name, decimal(p.threshold), decimal(p.false_alarms), decimal(p.sensitivity))
            for name, model in models
            for p in model.roc
        ),
    )


def reliability_table(models: Sequence[tuple[str, ModelFindings]]) -> Table:
    """Return the points of the reliability diagrams."""
    return Table(
        caption="Reliability points",
        head=("Model", "Predicted", "Observed", "Units"),
        rows=tuple(
            cells(
                name,
                decimal(p.predicted),
                estimate(Estimate(p.observed, p.interval)),
                f"{p.units:,}",
            )
            for name, model in models
            for p in model.reliability
        ),
        notes=("95% intervals in brackets: Wilson.",),
    )


def training_table(findings: Findings, fewest: int) -> Table:
    """Return who trained on how many, and tested on how many."""
    record, unit = findings.record, findings.record.study.unit
    return Table(
        caption="Who took part",
        head=("Hospital", f"Training {unit}s", "with outcome", f"Test {unit}s", "with outcome"),
        rows=tuple(
            cells(
                record.title(site.name),
                count(site.train, fewest),
                positives(site.train_positives),
                tested(findings.federated.at(site.name), fewest),
                positives(findings.federated.at(site.name).positives),
            )
            for site in record.sites
        ),
    )


def deviation_table(findings: Findings) -> Table:
    """Return how far each site's updates lay from the others."""
    found = findings.record.run.deviations
    return Table(
        caption="How far each hospital's updates lay from the combined one",
        head=("Hospital", "Rounds", "Typical", "Farthest", f"Rounds beyond {LIMIT:g}", "Since"),
        rows=tuple(
            cells(
                findings.record.title(site),
                f"{one.rounds:,}",
                decimal(one.typical, 2),
                decimal(one.farthest, 2),
                f"{one.beyond:,}",
                MISSING if one.since is None else f"round {one.since:,}",
            )
            for site, one in found.items()
        ),
        notes=(
            "In medians over the hospitals of a round. A hospital with other patients lies"
            " further out, too: nobody was left out because of this. Ask before you act.",
        ),
    )


def egress_table(findings: Findings) -> Table:
    """Return what the gate of each site released and refused, and whether that verifies."""
    return Table(
        caption="What passed each gate",
        head=(
            "Hospital",
            "Releases",
            "Refusals",
            "Bytes",
            "Ledger entries",
            "Verified",
            "Witnessed",
        ),
        rows=tuple(
            cells(
                findings.record.title(site.name),
                f"{site.releases:,}",
                f"{site.refusals:,}",
                nbytes(site.bytes_out),
                f"{site.ledger.entries:,}" if site.ledger else MISSING,
                verified(site.ledger),
                witnessed(site.ledger),
            )
            for site in findings.record.sites
        ),
        notes=(
            "Witnessed: entries under the last checkpoint that a majority of the ledger's"
            " witnesses (the hub and other hospitals) cosigned, and how many of them did.",
            "A hospital has one ledger: its other studies and comparisons are in it as well.",
        ),
    )


def witnessed(ledger: LedgerFacts | None) -> str:
    """Return how many entries were cosigned, and by how many witnesses."""
    if ledger is None or not ledger.witnesses:
        return MISSING
    return f"{ledger.seen:,} by {ledger.cosigned} of {ledger.witnesses}"


def verified(ledger: LedgerFacts | None) -> str:
    """Return whether a ledger verified, in a word."""
    if ledger is None:
        return MISSING
    return "yes" if ledger.verified else "NO"


def root_table(findings: Findings) -> Table:
    """Return where each ledger is and what its root was."""
    return Table(
        caption="Ledgers",
        head=("Hospital", "Ledger", "Root (RFC 9162, SHA-256)"),
        rows=tuple(
            cells(findings.record.title(site.name), site.ledger.path, site.ledger.root)
            for site in findings.record.sites
            if site.ledger
        ),
        words=3,
    )
