"""One artifact on offer, as the book (book.py) has it: its card, and what is known here."""

from dataclasses import dataclass

from modelward.exchange.documents.card import OfferCard

SELECT = (
    "select json, cards.card, sealed, sealed_bytes, revoked, latest, taken is not null,"
    " coalesce(read, ''), coalesce(after, '')"
    " from cards left join bundles on bundles.card = cards.card"
    " left join arrivals on arrivals.card = cards.card"
)
"""Selects what `of_row` reads; where and order are the caller's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artifact on offer.

    Attributes:
        card: Its card.
        sha: Hash of the card.
        sealed: SHA-256 of the sealed bytes that the carrier holds.
        sealed_bytes: Their length.
        revoked: Why it must not be used, or "".
        latest: Whether no later version of its series is on offer.
        here: Whether its bytes were pulled.
        read: When its offer was read here; "" of a book that is older than this was noted.
        after: The latest date that its maker's box had named before it was offered, or "".
    """

    card: OfferCard
    sha: str
    sealed: str
    sealed_bytes: int
    revoked: str
    latest: bool
    here: bool
    read: str
    after: str


def of_row(row: tuple[bytes, str, str, int, str, int, int, str, str]) -> Entry:
    """Return the artifact in a row of `SELECT`."""
    return Entry(
        card=OfferCard.model_validate_json(row[0], strict=True),  # canonical when it came in
        sha=row[1],
        sealed=row[2],
        sealed_bytes=row[3],
        revoked=row[4],
        latest=bool(row[5]),
        here=bool(row[6]),
        read=row[7],
        after=row[8],
    )
