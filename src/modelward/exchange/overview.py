"""What an operator asks for: who is used and why, what is known, and all of it as one page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelward.exchange import page
from modelward.exchange.documents.intake import form
from modelward.exchange.documents.knowledge import Item, Map, knowledge
from modelward.exchange.institution import governing, home
from modelward.exchange.institution.folder import Institution
from modelward.exchange.institution.governing import Given, Seen
from modelward.exchange.institution.home import InUse
from modelward.exchange.institution.pulling import named
from modelward.exchange.listening import adopting, considering
from modelward.exchange.methods.choose import Choice
from modelward.exchange.methods.trust import Standing


@dataclass(frozen=True, slots=True, eq=False)
class Trusted:
    """Who is used, and what was seen.

    Attributes:
        standings: Card -> whether it is used, and why.
        makers: Card -> who made it.
        disagreeing: Reporter -> how far it is from all others.
        seen: What was refused or turned away here.
        unwatched: Card -> why a trigger in it would not be found here.
    """

    standings: Mapping[str, Standing]
    makers: Mapping[str, str]
    disagreeing: Mapping[str, float]
    seen: list[Seen]
    unwatched: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Reported:
    """What the page shows.

    Attributes:
        in_use: What the ward uses; None before anybody decided.
        choice: What was chosen now.
        hangs: Institution -> share of own validation answers that hang on its voice.
        standings: Card -> whether it is used, and why.
        seen: What was refused or turned away here.
        student: What became of the last strong student; "" if there was none.
        given: What of ours is where.
        page: The file.
    """

    in_use: InUse | None
    choice: Choice
    hangs: Mapping[str, float]
    standings: Mapping[str, Standing]
    seen: list[Seen]
    student: str
    given: list[Given]
    page: Path


def trust(
    here: Institution, *, use: str = "", drop: str = "", by: str = "", reason: str = ""
) -> Trusted:
    """Return who is used and why; decide otherwise for single cards first, if asked to.

    Args:
        here: Where.
        use: Use this card, whatever the gate says; the start of its hash.
        drop: Do not use this card.
        by: Who decides.
        reason: Why, in one line.

    Raises:
        NotApproved: If something is decided without a name and a reason.
        BadArtifact: If no one card is meant.
    """
    for card, wanted in ((use, True), (drop, False)):
        if card:
            adopting.overrule(here, named(here, card).sha, use=wanted, by=by, reason=reason)
    return Trusted(
        standings=considering.standings(here),
        makers=_makers(here),
        disagreeing=considering.disagreeing(here),
        seen=governing.seen(here),
        unwatched=considering.unwatched(here),
    )


def map(here: Institution, asked: Iterable[Item] = ()) -> Map:
    """Return what the network knows, from the cards on offer.

    Args:
        here: Where.
        asked: What should be known besides the labels, such as (`sex`, `female`).
    """
    offers = [entry.card for entry in here.book.catalogue(here.question.sha256)]
    cards = [
        card
        for card in offers
        if card.site in here.members
        and card.expires > here.terms_at
        and not form(card, here.question)
    ]
    return knowledge(cards, here.question.labels, asked)


def report(here: Institution, out: Path) -> Reported:
    """Write the network as this institution sees it, as one page; return what is on it."""
    found, makers = considering.adopt(here), _makers(here)
    seen, student = governing.seen(here), home.student(here.folder)
    used, given = home.in_use(here.folder), governing.given(here)
    shown = page.Page(
        name=here.name,
        used=used,
        chosen=found.choice,
        hangs=found.hangs,
        student=student,
        standings={card: (makers[card], s) for card, s in found.standings.items()},
        apart=considering.disagreeing(here),
        unwatched=considering.unwatched(here),
        seen=seen,
        known=map(here),
        given=given,
    )
    page.write(out, shown)
    standings = found.standings
    return Reported(used, found.choice, found.hangs, standings, seen, student, given, out)


def _makers(here: Institution) -> dict[str, str]:
    found = here.book.catalogue(here.question.sha256)
    return {entry.sha: entry.card.site for entry in found}
