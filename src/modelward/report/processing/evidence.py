"""A record of processing for one study at one site, made of its ledger alone.

For a data protection officer (GDPR, article 30): purpose, legal basis, categories, what left
and when, its privacy cost, who decided, who else saw the ledger. Every sentence is a
`Claim`, and a claim without entries cannot be made: no entry, no sentence. What the ledger
does not say, such as whether the legal basis holds, is for the officer.

How it looks is evidence_page.py's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelward.core.study import Study
from modelward.errors import LedgerBroken
from modelward.ledger.verify import Verified
from modelward.report.processing import claims as says
from modelward.report.processing.claims import Claim, Entry, number_of
from modelward.study.agreement import Agreement

DECIDED = frozenset({"approval", "decline", "withdrawal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything the page says.

    Attributes:
        origin: Name of the ledger.
        study: The study's name.
        sha256: Its hash.
        root: Root of the ledger that was read, hex.
        size: Its number of entries.
        sections: Title -> claims; none is empty.
        cited: Every entry that a claim rests on, by number.
    """

    origin: str
    study: str
    sha256: str
    root: str
    size: int
    sections: Mapping[str, tuple[Claim, ...]]
    cited: Mapping[int, Entry]


def collect(
    study: Study,
    entries: Sequence[Entry],
    ledger: Verified,
    agreement: Agreement | None = None,
) -> Evidence:
    """Return what a verified ledger says of `study`.

    Args:
        study: The terms; their hash is what the entries name.
        entries: Of the whole ledger, oldest first.
        ledger: What its check has found: name, root, and who cosigned how much of it.
        agreement: The proposal at hand, whose roster is named if it is the approved one.

    Raises:
        LedgerBroken: If no entry is about the study.
    """
    own = [each for each in entries if each.get("study") == study.sha256]
    if not own:
        raise LedgerBroken(
            f"no entry of {ledger.origin} is about study {study.id} ({study.sha256[:12]}…)",
            why="an evidence page holds only what the ledger records",
            remedy="check the study's name and version: modelward ledger show LEDGER",
        )
    around = [each for each in entries if each.get("kind") in {"policy", "alarm"}]
    made = {
        "Purpose and legal basis": says.terms(study, own),
        "Who decided, and who takes part": (
            *says.of_kinds(own, DECIDED),
            *says.partners(agreement, own),
        ),
        "Whose data were read": says.of_kinds(own, {"cohort"}),
        "What left, and when": (*says.left(own), *says.reviewed(own)),
        "What was kept back": says.kept_back(own),
        "Privacy cost": says.privacy(own),
        "What came in": says.came_in(own),
        "Changes of the site's policy, and alarms": says.of_kinds(around, {"policy", "alarm"}),
        "Who else saw this ledger": says.seen(own, entries, ledger.witnessed, ledger.asked),
        "Text that looks like a HIPAA Safe Harbor identifier": says.identifiers(study, own),
    }
    sections = {title: claims for title, claims in made.items() if claims}
    numbers = sorted(
        {n for claims in sections.values() for each in claims for n in each.entries}
    )
    by_number = {number_of(each): each for each in entries}
    return Evidence(
        origin=ledger.origin,
        study=study.id,
        sha256=study.sha256,
        root=ledger.root.hex(),
        size=len(entries),
        sections=sections,
        cited={number: by_number[number] for number in numbers},
    )
