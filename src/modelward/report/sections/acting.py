"""The threshold that was chosen on validation units, and what acting at it means."""

from modelward.evaluate.findings import Findings
from modelward.evaluate.groups.acting import Acting
from modelward.report.blocks import Block, Cell, Table, Words
from modelward.report.many import some
from modelward.report.sections.score_cells import estimate

HIDDEN = "not shown, as they would tell of a few"


def acting(findings: Findings) -> tuple[Block, ...]:
    """Return the chosen threshold and its rates by hospital; nothing where none was chosen."""
    found = findings.evaluation.chosen if findings.evaluation is not None else None
    if found is None:
        return ()
    said = f"A probability of {found.threshold:.3g} or more counts as a yes: {found.rule}."
    notes = _missing(findings, found.acting)
    if not any(map(_told, found.acting)):
        why = "not told. " + " ".join(notes) if notes else f"{HIDDEN}."
        return (Words(f"{said} Sensitivity and specificity at it are {why}"),)
    record = findings.record
    methods = {
        rate.interval.method
        for one in found.acting
        for rate in (one.sensitivity, one.specificity)
        if rate.interval
    }
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
            f"95% intervals in brackets: {'; '.join(sorted(methods))}. The threshold was"
            f" chosen before a test {record.study.unit} was looked at; a hospital with another"
            " share of the outcome may need another one.",
            *notes,
        ),
    )
    return (Words(said), table)


def _told(one: Acting) -> bool:
    return not one.sensitivity.value is one.specificity.value is None


def _missing(findings: Findings, rates: tuple[Acting, ...]) -> tuple[str, ...]:
    """Return one sentence for each reason for which a rate is missing, or is of some units."""
    found: dict[str, list[str]] = {}
    for one in rates:
        who = findings.record.title(one.site) if one.site else "All"
        named = {"sensitivity": one.sensitivity.note, "specificity": one.specificity.note}
        for note in dict.fromkeys(filter(None, named.values())):
            which = [name for name, why in named.items() if why == note]
            rate = f" ({which[0]})" if len(which) == 1 else ""
            found.setdefault(note, []).append(f"{who}{rate}")
    return tuple(f"{some(who)}: {note}." for note, who in found.items())
