"""Reading the boxes of the others.

`sync` reads every admitted institution's box from where it stopped. A letter counts only if
it is the next one of its sender, signed, about this question; the first one that does not
ends the reading of that box, is in the ledger, and is shown until somebody has asked. What a
letter changes (the catalogue, keys, revocations) is one transaction with the letter itself.
Fetching what is on offer is pulling.py's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated

from pydantic import Field, ValidationError

from modelward.core.clock import stamp
from modelward.core.terms import Part
from modelward.errors import BadArtifact, EngineFailed, MessageRefused
from modelward.exchange.documents import card as cards
from modelward.exchange.documents import letter as letters
from modelward.exchange.documents.card import Hash
from modelward.exchange.documents.letter import Letter, Place
from modelward.exchange.institution.folder import Institution
from modelward.ledger import kinds

TOGETHER = 100
"""Letters of one transaction: a crash loses none that was acted on, and repeats some."""


@dataclass(frozen=True, slots=True)
class News:
    """What a reading brought.

    Attributes:
        letters: How many letters were new.
        offers: Cards that are new on offer.
        revoked: Cards that must not be used any more, descendants included.
        requests: (card, who asks) that wait for our grant.
        refused: Box -> why its reading stopped.
        unreached: Boxes that the wire could not read.
        waiting: Own letters that could not be posted.
        time: When the reading began; "" if nothing was read.
    """

    letters: int = 0
    offers: list[str] = field(default_factory=list)
    revoked: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unreached: list[str] = field(default_factory=list)
    waiting: int = 0
    time: str = ""


class Sealed(Part):
    """Of an offer: the sealed bytes that the carrier holds."""

    sha256: Hash
    nbytes: Annotated[int, Field(ge=0, le=2**40)]


class Wrapping(Part):
    """Of an offer: what is sealed, and the key of it for each recipient, wrapped, hex."""

    sealed: Sealed
    keys: dict[str, str]


def sync(here: Institution) -> News:
    """Post what waits, read what is new in every box, and return what came of it."""
    news, count = News(waiting=here.deliver(), time=stamp(here.now)), 0
    for name in sorted(set(here.members) - {here.name}):
        try:
            count += _read_box(here, name, news)
        except EngineFailed:
            news.unreached.append(name)
    return replace(news, letters=count)


def _read_box(here: Institution, name: str, news: News) -> int:
    """Read a box on, `TOGETHER` letters to a transaction; return how many were new."""
    place = here.book.place(name)
    waiting, count = here.carrier.read(name, place.number), 0
    while some := list(islice(waiting, TOGETHER)):
        with here.book.together():
            for number, raw in some:
                try:
                    place = _take_in(here, name, (number, raw), place, news)
                except (MessageRefused, BadArtifact) as error:
                    news.refused[name] = error.what
                    break
                count += 1
        if name in news.refused:
            _note_once(here, news.refused[name])
            break
    return count


def _take_in(
    here: Institution, name: str, numbered: tuple[int, bytes], place: Place, news: News
) -> Place:
    """Act on the next letter of a box, and return the place after it."""
    number, raw = numbered
    if number != place.number + 1:
        raise letters.refuse(name, f"number {number} does not follow {place.number}")
    said = letters.read(raw, name, here.peer(name).signing, place, now=here.now)
    with here.book.together():
        _ACTS[said.kind](here, said, news)
        here.book.keep(said, raw, posted=True)
    return Place(number, letters.digest(raw))


def _note_once(here: Institution, found: str) -> None:
    """Record what stopped a box; the same finding is not recorded at every reading."""
    for entry in here.ledger:
        if entry["kind"] == "message" and entry["finding"] == found:
            return
    here.ledger.append(kinds.fields("message", finding=found, study=here.question.sha256))


def _offer(here: Institution, said: Letter, news: News) -> None:
    card = cards.from_table(said.body.get("card"))
    cards.verify(card, here.peer(said.sender).signing)
    if (card.site, card.question) != (said.sender, said.question):
        raise letters.refuse(said.sender, f"the card is of {card.site}, or another question")
    known = here.book.version(card.site, card.series, card.kind)
    if card.version <= known:
        raise letters.refuse(
            said.sender, f"version {card.version} of {card.series} after version {known}"
        )
    if said.question != here.question.sha256:
        return  # another question: the letter is kept, the artifact is not on our list
    sealed, keys = _sealed_of(said)
    here.book.add_offer(card, sealed, keys, here.name, news.time)
    news.offers.append(card.sha)
    for parent in card.lineage:
        above = here.book.entry(parent)
        if above is not None and above.revoked:
            news.revoked.extend(
                here.book.revoke(card.sha, f"made from {parent[:12]}…, revoked")
            )


def _sealed_of(said: Letter) -> tuple[tuple[str, int], dict[str, str]]:
    """Return the sealed bytes and the keys; a hash is a hash here, since it names a file."""
    try:
        found = Wrapping.model_validate({n: said.body.get(n) for n in Wrapping.model_fields})
    except ValidationError as error:
        raise letters.refuse(said.sender, "an offer names its sealed bytes and keys") from error
    return (found.sealed.sha256, found.sealed.nbytes), found.keys


def _request(here: Institution, said: Letter, news: News) -> None:
    entry = here.book.entry(_card_of(said))
    if entry is not None and entry.card.site == here.name:
        news.requests.append((entry.sha, said.sender))


def _grant(here: Institution, said: Letter, _: News) -> None:
    if said.body.get("to") == here.name:
        _require_own(here, said)
        here.book.add_key(_card_of(said), here.name, str(said.body.get("key")))


def _revocation(here: Institution, said: Letter, news: News) -> None:
    _require_own(here, said)
    reason = str(said.body.get("reason"))[:400]
    news.revoked.extend(here.book.revoke(_card_of(said), f"{said.sender}: {reason}"))


def _farewell(here: Institution, said: Letter, news: News) -> None:
    reason = f"{said.sender} left: {str(said.body.get('reason'))[:300]}"
    for entry in here.book.catalogue(here.question.sha256, site=said.sender, every=True):
        news.revoked.extend(here.book.revoke(entry.sha, reason))


def _keep(_: Institution, said: Letter, __: News) -> None:
    """Do nothing but keep it: reports and ballots are read when they are needed."""
    if said.kind in {"report", "acknowledgement"}:
        _card_of(said)


def _require_own(here: Institution, said: Letter) -> None:
    """Refuse a word about an artifact that is not the sender's own.

    One that is not on our list is its own if its box offered it, under another question;
    whose box was not read yet may not be spoken for.
    """
    card = _card_of(said)
    entry = here.book.entry(card)
    if entry is not None and entry.card.site != said.sender:
        raise letters.refuse(
            said.sender, f"{said.kind} of an artifact of {entry.card.site}, not its own"
        )
    if entry is None and not here.book.offered(said.sender, card):
        raise letters.refuse(said.sender, f"{said.kind} of an artifact that it never offered")


def _card_of(said: Letter) -> str:
    card = said.body.get("card")
    if not isinstance(card, str) or len(card) != 64:  # noqa: PLR2004 - a SHA-256 in hex
        raise letters.refuse(said.sender, f"{said.kind} names no card")
    return card


_ACTS: dict[str, Callable[[Institution, Letter, News], None]] = {
    "offer": _offer,
    "request": _request,
    "grant": _grant,
    "acknowledgement": _keep,
    "revocation": _revocation,
    "report": _keep,
    "ballot": _keep,
    "combiner": _keep,
    "farewell": _farewell,
}
