"""The threshold that was chosen on validation units, and what acting at it means."""

from modelward.evaluate.findings import Findings
from modelward.report.blocks import Block, Cell, Table, Words
from modelward.report.score_cells import estimate


def acting(findings: Findings) -> tuple[Block, ...]:
    """Return the chosen threshold and its rates by hospital; nothing where none was chosen."""
    found = findings.evaluation.chosen if findings.evaluation is not None else None
    if found is None:
        return ()
    said = f"A probability of {found.threshold:.3g} or more counts as a yes: {found.rule}."
    if not found.acting:
        why = (
            "not shown, as they would tell of a few"
            if findings.record.in_one_process
            else "not computed: they need single test units, and records stay at the sites"
        )
        return (Words(f"{said} Sensitivity and specificity at it are {why}."),)
    record = findings.record
    table = Table(
        caption=f"The federated model at {found.threshold:.3g}, on test {record.study.unit}s",
        head=("Hospital", "Sensitivity", "Specificity"),
        rows=tuple(
            (
                Cell(record.title(one.site) if one.site else "All"),
                estimate(one.sensitivity),
                estimate(one.specificity),
            )
            for one in found.acting
        ),
        notes=(
            "95% intervals in brackets: Wilson. The threshold was chosen before a test"
            f" {record.study.unit} was looked at; a hospital with another share of the outcome"
            " may need another one.",
        ),
    )
    return (Words(said), table)
