"""Pulling what is on offer: terms, fetch, open, check, acknowledge.

`pull` asks intake and terms, fetches, opens, checks against the card, and acknowledges. What
was cut off goes on where it stopped; what is here already is not fetched again, unless its file
was damaged. `named` and `require_usable` are asked before every use as well (using.py).
"""

from contextlib import suppress
from hashlib import sha256

from modelward import durable
from modelward.artifact import bundle
from modelward.core.clock import stamp
from modelward.core.tensors import Tensors
from modelward.core.verdict import Finding
from modelward.errors import BadArtifact, MessageRefused, StorageError
from modelward.exchange.documents import seal
from modelward.exchange.documents.content import schema_of
from modelward.exchange.documents.entry import Entry
from modelward.exchange.documents.intake import objections
from modelward.exchange.institution.folder import Institution
from modelward.ledger import kinds


def pull(here: Institution, card: str) -> Tensors:
    """Return the values of an artifact on offer, fetched if they are not here.

    Raises:
        BadArtifact: If intake or terms turn it away, or it is not what its card says.
        MessageRefused: If it is not sealed for us.
        EngineFailed: If the wire cannot be reached; what was fetched is kept.
    """
    entry = named(here, card)
    schema = schema_of(entry.card.kind, entry.card.made, here.question)
    require_usable(here, entry)
    if entry.card.site == here.name:
        return here.door.outbox.tensors(entry.card.sha256, schema)
    if entry.here:
        try:
            return here.taken.tensors(entry.card.sha256, schema)
        except StorageError:  # damaged on disk; the carrier still has it
            here.taken.path(entry.card.sha256).unlink(missing_ok=True)
    try:
        raw = _fetched(here, entry)
        tensors = bundle.parse(raw, schema)
    except (BadArtifact, MessageRefused) as error:
        turn_away(here, entry, (Finding("intake-bytes", error.what, error.remedy),))
        raise
    cut_off = not entry.here and here.taken.path(entry.card.sha256).exists()
    here.taken.put(tensors, schema)
    _note(here, entry, cut_off=cut_off)
    with here.book.together():
        here.book.taken(entry.sha, stamp(here.now))
        here.say("acknowledgement", {"card": entry.sha}, card=entry.sha)
    here.deliver()
    return here.taken.tensors(entry.card.sha256, schema)


def _note(here: Institution, entry: Entry, *, cut_off: bool) -> None:
    """Record that an artifact has come in: once, also if that is where a pull was cut off."""
    said = kinds.fields(
        "receipt",
        study=here.question.sha256,
        round=entry.card.version,
        sha256=entry.card.sha256,
        bytes=entry.card.nbytes,
        source=entry.card.site,
    )
    if cut_off and any(said.items() <= noted.items() for noted in here.ledger):
        return
    here.ledger.append(said)


def named(here: Institution, card: str) -> Entry:
    """Return an artifact by the hash of its card, or the start of it.

    Raises:
        BadArtifact: If there is none, or more than one.
    """
    entry = here.book.entry(card) if card else None
    if entry is None:
        raise BadArtifact(
            f"no one artifact on offer has a card that begins with {card[:20]!r}",
            why="an artifact is named by the hash of its card",
            remedy="see what is there: modelward exchange catalogue",
        )
    return entry


def require_usable(here: Institution, entry: Entry) -> None:
    """Raise BadArtifact unless intake and terms allow this artifact now; note it if not."""
    found = objections(
        entry, here.question, here.intake, (here.name, here.members), here.terms_at
    )
    if not found:
        return
    turn_away(here, entry, found)
    raise BadArtifact(
        f"{entry.card.kind} {entry.sha[:12]}… of {entry.card.site} is not used: "
        + "; ".join(f"{each.rule}: {each.says}" for each in found),
        why="terms and intake are asked at every pull and at every use",
        remedy=found[0].remedy,
    )


def turn_away(here: Institution, entry: Entry, findings: tuple[Finding, ...]) -> None:
    """Record that an artifact was not taken or not used, and why."""
    here.ledger.append(
        kinds.fields(
            "turned-away",
            study=here.question.sha256,
            card=entry.sha,
            source=entry.card.site,
            findings=[{"rule": f.rule, "says": f.says, "remedy": f.remedy} for f in findings],
        )
    )


def _fetched(here: Institution, entry: Entry) -> bytes:
    """Return the opened bytes of an artifact, which are what its card says."""
    wrapped = here.book.key(entry.sha, here.name)
    if wrapped is None:
        here.say("request", {"card": entry.sha}, card=entry.sha)
        here.deliver()
        raise MessageRefused(
            f"{entry.sha[:12]}… of {entry.card.site} is not sealed for {here.name}",
            why="it was offered to others, or before this institution was admitted",
            remedy="its maker was asked for a grant; pull it again when that has come",
        )
    key = seal.unwrap(wrapped, here.sealing, entry.sha)
    path = here.folder / "sealed" / entry.sealed
    if not path.exists():
        here.carrier.fetch(entry.card.site, entry.sealed, path, most=entry.sealed_bytes)
    clear = here.folder / "sealed" / f"{entry.sha}.clear"
    try:
        durable.write_whole(clear, seal.opened(path, key, entry.sha))
        raw = clear.read_bytes()
    finally:
        with suppress(OSError):
            clear.unlink()
    if sha256(raw).hexdigest() != entry.card.sha256 or len(raw) != entry.card.nbytes:
        raise BadArtifact(
            f"what {entry.card.site} sealed is not what its card says",
            why="a card binds an artifact to its bytes",
            remedy="tell its maker; nothing of it was used",
        )
    path.unlink()
    return raw
