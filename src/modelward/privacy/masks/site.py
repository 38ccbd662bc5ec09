"""A site's side of secure aggregation: `begin`, then `step` for each message of the hub.

    begin     -> Advert
    Adverts   -> Parcels     every advert signed by a pinned key, enough of them
    Inbox     -> Masked      every parcel opens, enough of them
    Survivors -> Consent     this site is on the list, and the list is long enough
    Consents  -> Reveal      t survivors signed the very list that this site signed

States are frozen values; what must never be decided twice is written in the journal first:
the session of a round, the peers that got shares, the words that were masked and for whom,
the list that was signed. A site that is killed begins again from the journal and says the
same; asked to decide otherwise, it refuses. Names follow session.py's phases.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from cryptography.exceptions import InvalidTag

from modelward.core.canonical import canonical_bytes
from modelward.errors import MaskingFailed
from modelward.privacy.masks import keys, shamir
from modelward.privacy.masks.messages import (
    Advert,
    Adverts,
    Consent,
    Consents,
    FromSite,
    Inbox,
    Masked,
    Parcels,
    Reveal,
    Survivors,
    ToSite,
)
from modelward.privacy.masks.seat import Seat
from modelward.privacy.masks.session import Session


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Where a site stands.

    Attributes:
        seat: What does not change.
        secrets: Its keys of the round.
        waits_for: Type of the next message.
        adverts: Keys of the peers it shared with, itself included.
        shares: Shares it holds, (of the mask key, of the seed) by owner, itself included.
        survivors: The list that it signed.
    """

    seat: Seat
    secrets: keys.RoundKeys = field(repr=False)
    waits_for: type[ToSite] | None
    adverts: dict[str, Advert] = field(default_factory=dict)
    shares: dict[str, tuple[bytes, bytes]] = field(default_factory=dict, repr=False)
    survivors: tuple[str, ...] = ()


def begin(seat: Seat, entropy: bytes) -> tuple[State, Advert]:
    """Return the first state and message of `seat`.

    Args:
        seat: Who takes part, in what.
        entropy: 32 new bytes from the operating system. If the journal has those of an
            earlier start of this round, they are used instead.

    Raises:
        MaskingFailed: If this round was begun in another session, if the roster does not
            pin this site's key, or the words are of another size.
    """
    session = seat.session
    seat.decide("session", session.binding, "take part in another session of this round")
    pinned = dict(session.roster).get(seat.name)
    if pinned != seat.key.public_key().public_bytes_raw().hex():
        raise MaskingFailed(
            f"the roster does not pin the key of {seat.name}",
            why="peers accept only messages under the keys that approvals pinned",
            remedy="compare the roster's fingerprint with the one that was approved",
        )
    fits = seat.words.size == session.size and seat.words.dtype == session.dtype
    if not fits or len(entropy) != shamir.SECRET_BYTES:
        raise MaskingFailed(
            f"{seat.words.size} {seat.words.dtype} words and {len(entropy)} bytes of entropy",
            why=f"this session sums {session.size} words of {session.bits} bits, and keys need"
            " 32 bytes",
            remedy="mask what the session's schema says, with fresh entropy",
        )
    made = keys.RoundKeys(session, seat.journal.once("entropy", entropy))
    channel, mask = keys.public_of(made.channel), keys.public_of(made.mask)
    seed_hash = sha256(made.seed).digest()
    said = _advert_statement(session, seat.name, channel, mask, seed_hash)
    advert = Advert(channel, mask, seed_hash, seat.key.sign(said))
    return State(seat, made, Adverts), advert


def step(state: State, message: ToSite) -> tuple[State, FromSite]:
    """Return the state after `message`, and the site's answer.

    Raises:
        MaskingFailed: If the message is not the one that is due, was altered, or asks for
            something that would show what masks must hide. The round is then over here.
    """
    if type(message) is not state.waits_for:
        raise MaskingFailed(
            f"{type(message).__name__} came where {state.seat.name} waits for "
            f"{state.waits_for.__name__ if state.waits_for else 'nothing'}",
            why="phases of a masked sum have one order, and each happens once",
            remedy="answer a repeated message from what was stored, or end the round",
        )
    match message:
        case Adverts():
            return _share(state, message)
        case Inbox():
            return _mask(state, message)
        case Survivors():
            return _agree(state, message)
        case Consents():
            return _reveal(state, message)


def verify_advert(session: Session, name: str, advert: Advert) -> None:
    """Return if `advert` was signed by the key that the roster pins for `name`.

    Raises:
        MaskingFailed: If not.
    """
    said = _advert_statement(session, name, advert.channel, advert.mask, advert.seed_hash)
    session.verify(name, advert.signature, said)


def survivors_statement(session: Session, names: tuple[str, ...]) -> bytes:
    """Return the bytes that a consent signs."""
    return session.statement("survivors", list(names))


def _share(state: State, message: Adverts) -> tuple[State, Parcels]:
    seat, session = state.seat, state.seat.session
    adverts = dict(message.of)
    session.require_enough(adverts, "advertise")
    for name, advert in adverts.items():
        verify_advert(session, name, advert)
    _require_self(seat, adverts, "advertise")
    _require_different(adverts)
    listed = [[name, adverts[name].signature.hex()] for name in sorted(adverts)]
    seat.decide("peers", canonical_bytes(listed), "share its secrets with other peers")
    shares = {
        name: (key, seed)
        for name, key, seed in zip(
            session.names,
            _split(state, state.secrets.mask, "key"),
            _split(state, state.secrets.seed, "seed"),
            strict=True,
        )
    }
    to = {
        name: keys.seal(
            session,
            _agreed(state, adverts[name]),
            (seat.name, name),
            b"".join(shares[name]),
        )
        for name in adverts
        if name != seat.name
    }
    held = {seat.name: shares[seat.name]}
    return replace(state, waits_for=Inbox, adverts=adverts, shares=held), Parcels(to)


def _mask(state: State, message: Inbox) -> tuple[State, Masked]:
    seat, session = state.seat, state.seat.session
    shares = state.shares | {
        name: _open(state, name, parcel)
        for name, parcel in message.of.items()
        if name != seat.name
    }
    session.require_enough(shares, "share")
    words = seat.words.astype(session.dtype)
    listed = canonical_bytes([sha256(words.data).hexdigest(), sorted(shares)])
    seat.decide("masked", sha256(listed).digest(), "mask other words, or for other peers")
    keys.add_mask(words, state.secrets.seed, minus=False)
    for name in shares:
        if name != seat.name:
            names = (seat.name, name)
            pair = keys.pair_seed(session, state.secrets.mask, state.adverts[name].mask, names)
            keys.add_mask(words, pair, minus=seat.name > name)
    return replace(state, waits_for=Survivors, shares=shares), Masked(words)


def _agree(state: State, message: Survivors) -> tuple[State, Consent]:
    seat, session = state.seat, state.seat.session
    names = tuple(message.names)
    session.require_enough(names, "mask")
    _require_self(seat, names, "mask")
    if list(names) != sorted(set(names)) or not set(names) <= set(state.shares):
        raise MaskingFailed(
            f"a list of survivors with {len(names)} names of {len(state.shares)} who shared",
            why="only who shared its secrets can have survived, each once, in name order",
            remedy="stop the round: the hub does not follow the protocol",
        )
    said = survivors_statement(session, names)
    seat.decide("survivors", sha256(said).digest(), "sign another list of survivors")
    return replace(state, waits_for=Consents, survivors=names), Consent(seat.key.sign(said))


def _reveal(state: State, message: Consents) -> tuple[State, Reveal]:
    session = state.seat.session
    said = survivors_statement(session, state.survivors)
    for name, signature in message.of.items():
        session.verify(name, signature, said)
    session.require_enough(set(message.of) & set(state.survivors), "agree")
    seeds = {name: state.shares[name][1] for name in state.survivors}
    missing = {
        name: key for name, (key, _) in state.shares.items() if name not in state.survivors
    }
    return replace(state, waits_for=None, shares={}), Reveal(seeds, missing)


def _advert_statement(
    session: Session, name: str, channel: bytes, mask: bytes, seed_hash: bytes
) -> bytes:
    return session.statement("advert", name, channel.hex(), mask.hex(), seed_hash.hex())


def _require_self(seat: Seat, names: Container[str], phase: str) -> None:
    if seat.name not in names:
        raise MaskingFailed(
            f"{seat.name} is missing from the list after {phase!r}",
            why="a site that counts as dropped out has its mask key rebuilt by its peers",
            remedy="end the round here; the others go on without this site",
        )


def _require_different(adverts: Mapping[str, Advert]) -> None:
    found = {key for each in adverts.values() for key in (each.channel, each.mask)}
    if len(found) != 2 * len(adverts):
        raise MaskingFailed(
            "two sites advertise the same key",
            why="masks of sites with the same key would cancel where they must not",
            remedy="stop the round: a site does not follow the protocol",
        )


def _split(state: State, secret: bytes, of: str) -> list[bytes]:
    session = state.seat.session
    points = range(1, len(session.roster) + 1)
    return shamir.split(secret, points, session.threshold, state.secrets.polynomial(of))


def _agreed(state: State, peer: Advert) -> bytes:
    return keys.agree(state.secrets.channel, peer.channel)


def _open(state: State, name: str, parcel: bytes) -> tuple[bytes, bytes]:
    """Return the shares in a parcel from `name`: of its mask key, and of its seed."""
    seat = state.seat
    try:
        opened = keys.unseal(
            seat.session, _agreed(state, state.adverts[name]), (name, seat.name), parcel
        )
    except (KeyError, InvalidTag) as error:
        raise MaskingFailed(
            f"the parcel that came as from {name} does not open",
            why="shares are sealed for one peer in one round; this was altered on the way",
            remedy="stop the round, and find out who carries the messages",
        ) from error
    if len(opened) != 2 * shamir.SHARE_BYTES:
        raise MaskingFailed(
            f"{name} sealed {len(opened)} bytes",
            why=f"a parcel holds two shares of {shamir.SHARE_BYTES} bytes",
            remedy="stop the round: the site does not follow the protocol",
        )
    return opened[: shamir.SHARE_BYTES], opened[shamir.SHARE_BYTES :]
