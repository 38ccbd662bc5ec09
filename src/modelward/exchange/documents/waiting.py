"""An offer that waits for a person keeps the terms that it was held with.

    exchange/waiting/NAME.json      terms of what waits; NAME is a hash of kind, series and base

An offer is one publication as long as everything about it is the same, its expiry included.
Whoever offers again after a person has decided must therefore offer on the very terms that
the person saw, or it would be another offer, which waits anew.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from modelward import durable
from modelward.core.canonical import canonical_hash
from modelward.errors import HeldForReview
from modelward.exchange.documents.card import Kind, OfferCard, Terms


def offered(
    folder: Path,
    what: tuple[Kind, str, str],
    terms: Terms,
    offer: Callable[[Terms], OfferCard],
) -> OfferCard:
    """Return the card of what `offer` puts on offer, on the terms that it was held with.

    Args:
        folder: The institution's `exchange` folder.
        what: Kind, series and base.
        terms: What is asked for now; its expiry does not count where all else is as held.
        offer: Makes the offer.

    Raises:
        HeldForReview: If it waits; its terms are kept then.
        GateRefused: If the gate, or a person, lets it not out.
    """
    path = folder / "waiting" / f"{canonical_hash(list(what))}.json"
    used = _held_with(path, terms)
    try:
        card = offer(used)
    except HeldForReview:
        durable.make_folder(path.parent)
        durable.write_whole(path, used.model_dump_json().encode())
        raise
    path.unlink(missing_ok=True)
    return card


def _held_with(path: Path, terms: Terms) -> Terms:
    with suppress(OSError, ValueError):  # nothing waits, or the file is of no use
        kept = Terms.model_validate_json(path.read_bytes(), strict=True)
        if kept.model_copy(update={"expires": terms.expires}) == terms:
            return kept
    return terms
