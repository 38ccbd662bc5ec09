"""Taking back what was given, leaving, and who has what.

A revocation is a letter: it reaches peers at their next contact, stops use there at once
(terms are asked at every use, intake.py), and marks every descendant by lineage. Bytes that
others hold are beyond reach, and nobody claims otherwise: their ledger says that they had
them, and from when on they must not be used.
"""

from dataclasses import dataclass

from modelward.errors import BadArtifact, NotApproved
from modelward.exchange.documents.intake import objections
from modelward.exchange.documents.letter import SKEW
from modelward.exchange.institution import home
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.pulling import named
from modelward.ledger import kinds


@dataclass(frozen=True, slots=True)
class Given:
    """What went to one institution.

    Attributes:
        to: Who has it.
        card: Hash of the card.
        kind: What it is.
        series: Of which series.
        version: Which version.
        time: When its arrival was acknowledged.
        revoked: Why it must not be used, or "".
    """

    to: str
    card: str
    kind: str
    series: str
    version: int
    time: str
    revoked: str


def revoke(here: Institution, card: str, *, by: str, reason: str) -> list[str]:
    """Take an own artifact back; return every card that is marked, descendants included.

    Raises:
        BadArtifact: If it is another institution's.
        NotApproved: If no person or reason is given.
    """
    require_person(by, reason)
    entry = named(here, card)
    if entry.card.site != here.name:
        raise BadArtifact(
            f"{entry.sha[:12]}… is an artifact of {entry.card.site}",
            why="only its maker takes an artifact back",
            remedy="stop using it here: modelward exchange trust --drop, or ask its maker",
        )
    decided(here, entry.sha, "revoke it", (by, reason))
    with here.book.together():
        marked = here.book.revoke(entry.sha, f"{here.name}: {reason}")
        here.say("revocation", {"card": entry.sha, "reason": reason}, card=entry.sha)
    here.deliver()
    return marked


def leave(here: Institution, *, by: str, reason: str) -> list[Given]:
    """Leave the network: everything given is revoked. Return what was given to whom.

    Raises:
        NotApproved: If no person or reason is given.
    """
    require_person(by, reason)
    decided(here, "the network", "leave it", (by, reason))
    with here.book.together():
        for entry in here.book.catalogue(here.question.sha256, site=here.name, every=True):
            here.book.revoke(entry.sha, f"{here.name} left: {reason}")
        here.say("farewell", {"reason": reason})
    here.deliver()
    return given(here)


def given(here: Institution) -> list[Given]:
    """Return what of ours arrived at whom, as they acknowledged it, by institution."""
    found = []
    for said in here.book.letters("acknowledgement"):
        entry = here.book.entry(str(said.body["card"]))
        if entry is None or entry.card.site != here.name:
            continue
        card = entry.card
        found.append(
            Given(
                said.sender,
                entry.sha,
                card.kind,
                card.series,
                card.version,
                said.issued,
                entry.revoked,
            )
        )
    return sorted(found, key=lambda each: (each.to, each.time, each.card))


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that an operator has to know.

    Attributes:
        about: `box`, `artifact`, `request`, `clock` or `in use`.
        who: The institution that it comes from; "" where a ledger entry does not say.
        says: What was found.
        time: When it was first recorded; "" of what is true now.
    """

    about: str
    who: str
    says: str
    time: str


def seen(here: Institution) -> list[Seen]:
    """Return what was refused or turned away here, once each, and what must not be used now.

    From the ledger, so nothing is forgotten; oldest first.
    """
    found: dict[tuple[str, str], Seen] = {}
    for entry in here.ledger:
        time = str(entry["time"])
        if entry["kind"] == "message":
            said = str(entry["finding"])
            found.setdefault(("", said), Seen("box", "", said, time))
        elif entry["kind"] == "turned-away":
            card, source = str(entry["card"]), str(entry["source"])
            for each in entry["findings"]:  # type: ignore[union-attr]
                rule, says = each["rule"], each["says"]  # type: ignore[index, call-overload]
                said = f"{card[:12]}… {rule}: {says}"
                found.setdefault((card, str(rule)), Seen("artifact", source, said, time))
    wanted = [
        Seen("request", who, f"asks for the key to {card[:12]}…", time)
        for card, who, time in asked(here)
    ]
    now = [Seen("in use", "", why, "") for why in unusable(here)]
    return [*found.values(), *wanted, *_clock(here), *now]


def asked(here: Institution) -> list[tuple[str, str, str]]:
    """Return (card, who, when) of every wish for the key to an own artifact that stands.

    It stands until the key is granted, the artifact is revoked or expires, or who asked is
    not admitted any more.
    """
    given_to = {
        (str(said.body.get("card")), str(said.body.get("to")))
        for said in here.book.letters("grant")
        if said.sender == here.name
    }
    found: dict[tuple[str, str], str] = {}
    for said in here.book.letters("request"):
        entry = here.book.entry(str(said.body["card"]))
        if entry is None or entry.card.site != here.name or said.sender not in here.members:
            continue
        stands = not entry.revoked and entry.card.expires > here.terms_at
        if stands and (entry.sha, said.sender) not in given_to:
            found.setdefault((entry.sha, said.sender), said.issued)
    return [(card, who, time) for (card, who), time in found.items()]


def _clock(here: Institution) -> list[Seen]:
    """Return that the clock was set back, if it was."""
    if here.behind <= SKEW:
        return []
    said = (
        f"it is {here.behind.total_seconds() / 3600:.1f} hours behind the newest entry of"
        " the ledger; terms are asked at the time of that entry, and letters of others that are"
        " newer are refused: set it right"
    )
    return [Seen("clock", here.name, said, "")]


def decided(here: Institution, subject: str, said: str, who: tuple[str, str]) -> None:
    """Record what a person decided."""
    by, reason = who
    here.ledger.append(
        kinds.fields(
            "decision",
            study=here.question.sha256,
            subject=subject,
            said=said,
            by=by,
            reason=reason,
        )
    )


def require_person(by: str, reason: str) -> None:
    """Raise NotApproved unless a person and a reason are named."""
    if not by.strip() or not reason.strip():
        raise NotApproved(
            "nothing of this is decided without a name and a reason",
            why="peers and auditors ask who decided it, and why",
            remedy="give --by and --reason",
        )


def unusable(here: Institution) -> list[str]:
    """Return why the model in use must not be used any more; empty if it may.

    Nothing is replaced here: the operator is told, and a named person decides.
    """
    used, found = home.in_use(here.folder), []
    for card in () if used is None else used.cards:
        entry = here.book.entry(card)
        if entry is None:
            found.append(f"{card[:12]}… is not known here")
            continue
        against = objections(
            entry, here.question, here.intake, (here.name, here.members), here.terms_at
        )
        found += [f"{card[:12]}… of {entry.card.site}: {each.says}" for each in against]
    return found
