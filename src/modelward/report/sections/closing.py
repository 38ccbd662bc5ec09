"""The last sections: what left, what it cost, privacy, how it was made, and limits."""

import shlex

from modelward.evaluate.facts.cost import Cost
from modelward.evaluate.facts.record import LEAKAGE
from modelward.evaluate.findings import Findings
from modelward.report.blocks import Block, Command, Listing, Table, Words, cells
from modelward.report.numbers import duration, nbytes
from modelward.report.sections.leaked import leakage
from modelward.report.sections.run_tables import egress_table, root_table, training_table


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


def privacy(findings: Findings, min_cell: int) -> tuple[Block, ...]:
    """Return what was done for privacy, and what is known about leakage."""
    said, mark, card = findings.record.privacy.partition(LEAKAGE)
    leaks = (Listing(((LEAKAGE, card.strip()),)),) if mark else leakage(findings)
    said = said.replace("; how much was not measured in this run", "") if leaks else said
    if not leaks and findings.record.in_one_process:
        leaks = (
            Words(
                "What one hospital's training gives away in practice can be measured: modelward"
                " study audit RUN."
            ),
        )
    return (
        *map(Words, said.strip().splitlines()),
        *leaks,
        Words(
            "This report holds counts, metrics and hashes. Pictures are drawn from groups of at"
            " least ten."
            + (
                ""
                if findings.record.in_one_process or min_cell == 1
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
        ("Threshold.", _threshold(findings)),
    ]
    found += _unit(findings)
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


def _unit(findings: Findings) -> list[tuple[str, str]]:
    """Return whether intervals are of patients, and what that rests on."""
    record, unit = findings.record, findings.record.study.unit
    tested = [] if not findings.models else findings.federated.by_site
    if any(one.patients is not None for one in tested):
        return [
            (
                "Patients.",
                f"Intervals count a patient with several {unit}s once, with all of them, as far"
                " as the data name patients; where a note says DeLong or Wilson, it is then"
                " their form for such patients.",
            )
        ]
    if unit == "patient":
        return []
    if record.in_one_process:
        return [
            (
                "Unit.",
                f"No two test {unit}s are of one patient, as far as the data name patients."
                " Where they name none and several are of one, intervals are too narrow.",
            )
        ]
    return [
        (
            "Unit.",
            f"Intervals treat every {unit} as independent; several of one patient make them too"
            " narrow.",
        )
    ]


def _threshold(findings: Findings) -> str:
    """Return at which threshold rates are, and that it is not a clinical one."""
    chosen = findings.evaluation.chosen if findings.evaluation is not None else None
    if chosen is None:
        return "Accuracy, sensitivity and specificity use 0.5, no clinical cut-off."
    return (
        "Tables of models use 0.5. The threshold chosen on validation is the study's rule on"
        " these hospitals' patients. Neither is a clinical cut-off."
    )


def costs(findings: Findings) -> tuple[Block, ...]:
    """Return bytes, time and energy, beside what pooling would have moved."""
    found = findings.evaluation
    if found is None or found.cost is None:
        return ()
    cost, record = found.cost, findings.record
    unit = record.study.unit
    table = Table(
        caption="What each hospital sent, received and did",
        head=(
            "Hospital",
            "Sent",
            "Received",
            "Answers",
            f"Training {unit}s looked at",
            "Its records as arrays",
        ),
        rows=tuple(
            cells(
                record.title(one.site),
                nbytes(one.sent),
                nbytes(one.received),
                f"{one.answers:,}",
                f"{one.looked_at:,}",
                nbytes(one.records),
            )
            for one in cost.sites
        ),
        notes=(
            "Sent: artifacts that passed the gate. Received: models, as often as one was asked"
            " about. Records: what pooling would have moved, without file formats. Looked at:"
            " to train the common model, each pass counted; a model of the hospital's own and"
            " scoring are not in it.",
        ),
    )
    return (Words(_spent(cost)), table)


def _spent(cost: Cost) -> str:
    ratio = cost.moved / max(cost.pooling, 1)
    each = "one busy core" if cost.cores == 1 else f"each of {cost.cores} busy cores"
    return (
        f"The study moved {nbytes(cost.moved)}, {ratio:.2g} times the {nbytes(cost.pooling)}"
        f" that pooling the records would have moved once. Its rounds took"
        f" {duration(cost.seconds)}. Energy: at most {cost.watt_hours:.2g} Wh, an estimate that"
        f" assumes {cost.watts:g} W for {each} and leaves out"
        " networks, cooling and idle machines. Comparisons with pooled and local models are not"
        " in these figures."
    )
