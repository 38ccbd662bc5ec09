"""Letting an institution in, and putting it out: a person's decision, in the ledger.

    admit      its introduction is kept, after the fingerprint was compared by voice
    dismiss    its introduction goes: its box is not read on, its reports do not count, what it
               made is not used any more, and nothing is sealed for it

Both need no carrier and no word of anybody else. What was given to an institution before it was
dismissed stays there (governing.py lists it); revoke what it must not use any more.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from modelward.errors import NotAdmitted, NotApproved
from modelward.exchange.documents import members
from modelward.exchange.documents.entry import Entry
from modelward.exchange.documents.members import Introduction
from modelward.exchange.documents.question import from_json
from modelward.exchange.institution import governing
from modelward.exchange.institution.folder import Institution
from modelward.joining.keys import signing_key
from modelward.ledger import kinds
from modelward.ledger.log import Ledger
from modelward.ledger.note import Signer

COMPARED = "the fingerprint was compared by voice"


def admit(
    site: Path, said: Introduction, spoken: str, *, by: str, clock: Callable[[], datetime]
) -> None:
    """Let the institution in that `said` introduces; who is in already stays in.

    Args:
        site: Folder of the site that lets it in, after `exchange init`.
        said: Its introduction.
        spoken: Its fingerprint, as it was read out.
        by: Who compared it.
        clock: Dates the entry.

    Raises:
        NotAdmitted: If the fingerprint is another, name or key is taken, or the site is in no
            network itself.
        NotApproved: If no person is named.
        StorageError: If the ledger is held by another process, or the disk is full.
    """
    folder = site / "exchange"
    if not (folder / "introduction.json").exists():
        raise NotAdmitted(
            f"{site} is not in a network",
            why="whoever admits others has a name and keys",
            remedy="begin with: modelward exchange init SITE --name NAME --question FILE",
        )
    if not by.strip():
        raise NotApproved(
            f"nobody says that the fingerprint of {said.name} was compared",
            why="whoever reads the ledger later must be able to ask somebody",
            remedy="give your name: --by 'Dr Ada Byron'",
        )
    members.require_right(folder / "members", said, spoken)
    if said.name in members.members(folder / "members"):
        return
    own = members.read((folder / "introduction.json").read_bytes()).name
    key = signing_key(site / "site.key")
    signer = Signer(f"modelward/{own}", key)
    ledger = Ledger.open(site / "ledger", origin=signer.name, private_key=key, clock=clock)
    try:
        ledger.append(
            kinds.fields(
                "decision",
                study=from_json((folder / "question.json").read_bytes()).sha256,
                subject=f"{said.name}, {said.spoken}",
                said="admit it",
                by=by,
                reason=COMPARED,
            )
        )
    finally:
        ledger.close()
    members.admit(folder / "members", said, spoken)


def dismiss(here: Institution, name: str, *, by: str, reason: str) -> list[Entry]:
    """Put an institution out; return what it made that was on offer here.

    Raises:
        NotAdmitted: If it is not in, or is ourselves.
        NotApproved: If no person or reason is given.
    """
    governing.require_person(by, reason)
    if name == here.name:
        raise NotAdmitted(
            f"{name} is this institution itself",
            why="who leaves takes back what was given, and tells the others",
            remedy="modelward exchange leave SITE --by NAME --reason WHY",
        )
    here.peer(name)
    governing.decided(here, name, "dismiss it", (by, reason))
    (here.folder / "members" / f"{name}.json").unlink(missing_ok=True)
    del here.members[name]
    return here.book.catalogue(here.question.sha256, site=name)


def admit_each_other(sites: Sequence[Path]) -> None:
    """Have all institutions in these site folders admit each other, unasked: on one machine.

    Between real institutions people compare fingerprints first (members.py).
    """
    said = [
        members.read((each / "exchange" / "introduction.json").read_bytes()) for each in sites
    ]
    for site in sites:
        for each in said:
            members.admit(site / "exchange" / "members", each, each.spoken)
