"""The report, written once: its sections in the order in which readers ask.

A clinician reads the first three, a data scientist all up to the groups, a data protection
officer from there to the end. The words about safety follow the rule of the project: say
what was measured, and what was not. Each section is a file of its own:

    verdicts.py    was it worth it       comparing.py   models side by side
    drawn.py       curves                groups.py      groups of patients
    bound_cost.py  what privacy costs
    closing.py     what left, cost, privacy, provenance, limits
"""

from modelward.evaluate.findings import Findings
from modelward.report.blocks import Block, Listing, Section, Story
from modelward.report.numbers import spelled
from modelward.report.sections.acting import acting
from modelward.report.sections.answer import answer
from modelward.report.sections.beyond import beyond_tables
from modelward.report.sections.bound_cost import bound_costs
from modelward.report.sections.closing import costs, egress, limits, privacy, provenance
from modelward.report.sections.comparing import comparison
from modelward.report.sections.drawn import curves, pays, rounds
from modelward.report.sections.groups import groups
from modelward.report.sections.tables import site_table
from modelward.report.sections.verdicts import verdicts
from modelward.report.singled_out import MIN_CELL


def tell(findings: Findings, min_cell: int = MIN_CELL) -> Story:
    """Return the report on `findings`, small cells already hidden.

    Args:
        findings: What is reported.
        min_cell: The smallest count shown, for "<10" where one is hidden.
    """
    record = findings.record
    where = "simulated hospitals" if record.simulated_sites else "real hospitals"
    how = "on one machine" if record.in_one_process else "between institutions"
    sections = (
        Section("The answer", answer(findings, min_cell)),
        Section("Was it worth it, hospital by hospital?", verdicts(findings, min_cell)),
        Section("Federated, pooled and alone", comparison(findings)),
        Section("Learning, round by round", rounds(findings)),
        Section("Discrimination and calibration", curves(findings)),
        Section("Would acting on it help?", (*acting(findings), *pays(findings))),
        Section("Performance in each hospital", performance(findings, min_cell)),
        Section("In groups of patients", groups(findings)),
        Section("What the privacy bound costs", bound_costs(findings)),
        Section("What left each hospital", egress(findings)),
        Section("What it cost", costs(findings)),
        Section("Privacy", privacy(findings, min_cell)),
        Section("How this was made", provenance(findings, min_cell)),
        Section("Limits", (Listing(limits(findings)),)),
    )
    return Story(
        kicker=f"Modelward study report · {record.study.id} · version {record.study.version}",
        title=record.study.purpose,
        standfirst=f"{spelled(len(record.sites)).capitalize()} {where}, run {how}."
        if len(record.sites) > 1
        else "One hospital's own report of a study between institutions.",
        sections=tuple(section for section in sections if section.blocks),
    )


def performance(findings: Findings, min_cell: int) -> tuple[Block, ...]:
    """Return every hospital's figures, and those of grades or masks where there are any."""
    return (site_table(findings, min_cell), *beyond_tables(findings))
