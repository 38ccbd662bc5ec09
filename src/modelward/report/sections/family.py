"""Every comparison of the federated model as one table, and which remain when all are asked."""

from modelward.evaluate.comparing.family import EVERYBODY, Versus
from modelward.evaluate.comparing.verdict import NAMES
from modelward.evaluate.findings import Findings
from modelward.evaluate.measures.intervals import DRAWS
from modelward.evaluate.measures.multiplicity import ALPHA
from modelward.report.blocks import Block, Cell, Table
from modelward.report.many import some
from modelward.report.numbers import MISSING, decimal, p_value, signed, spelled
from modelward.report.sections.score_cells import bracket


def versus(findings: Findings) -> tuple[Block, ...]:
    """Return every comparison of the federated model, and which remain when all are asked."""
    lines = _family(findings)
    if not lines:
        return ()
    unit = findings.record.study.unit
    return (
        Table(
            caption=f"The federated model against each other one, on the same test {unit}s",
            head=(
                f"Test {unit}s of",
                "Against",
                "In",
                "Federated",
                "Other",
                "Difference",
                "DeLong",
                "Bootstrap",
                "Adjusted p",
            ),
            rows=tuple(_line(findings, one) for one in lines),
            words=3,
            notes=(
                "Federated minus other; of the Brier score less is better. Paired 95% intervals"
                " of each line: DeLong's, and a stratified bootstrap's. Verdicts on AUC follow"
                " DeLong's.",
                *_at_once(findings, lines),
            ),
        ),
    )


def _family(findings: Findings) -> tuple[Versus, ...]:
    """Return the lines; without an evaluation, those over all hospitals, not adjusted."""
    if findings.evaluation is not None:
        return findings.evaluation.family
    return tuple(Versus.of(EVERYBODY, name, one) for name, one in findings.against.items())


def _line(findings: Findings, one: Versus) -> tuple[Cell, ...]:
    record, auc = findings.record, one.metric == "auc"
    own = one.site and one.model == f"local:{one.site}"
    return (
        Cell(record.title(one.site) if one.site else "all hospitals"),
        Cell("Own model" if own else record.label(one.model)),
        Cell(NAMES[one.metric]),
        Cell(decimal(one.federated)),
        Cell(decimal(one.other)),
        Cell(signed(one.difference.value)),
        bracket(one.difference if auc else None),
        bracket(one.resampled if auc else one.difference),
        Cell(MISSING if one.adjusted is None else p_value(one.adjusted), "kept" * one.kept),
    )


def _at_once(findings: Findings, lines: tuple[Versus, ...]) -> tuple[str, ...]:
    """Return how many were asked, which remain, and where the two intervals disagree."""
    asked = sum(one.adjusted is not None for one in lines)
    if not asked:
        return ()
    said = [
        f"p values are adjusted over all {asked} comparisons here that have one (Holm):"
        f" {spelled(sum(one.kept for one in lines))} below {ALPHA:.2g}, marked as kept. For AUC"
        " they are DeLong's, for the Brier score of one hospital"
        " those of its interval by square-and-add, which stands in the bootstrap's place."
    ]
    least = 2 / (DRAWS + 1)
    if least * asked >= ALPHA and any(one.metric == "brier" and not one.site for one in lines):
        said.append(
            f"A bootstrap of {DRAWS:,} has no p value below {least:.3f}, so among so many no"
            " difference in the Brier score of everybody can be kept."
        )
    disputed = [
        f"{findings.record.title(one.site) if one.site else 'all hospitals'}"
        f" ({findings.record.label(one.model)})"
        for one in lines
        if one.disputed
    ]
    if disputed:
        said.append(
            f"By one of the two intervals a difference is shown and by the other not:"
            f" {some(disputed, '; ')}. Take none of these for shown."
        )
    return tuple(said)
