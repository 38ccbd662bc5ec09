"""The hub's side of secure aggregation: `receive` what sites say, `close` a phase, `finish`.

The hub carries messages and adds words modulo 2^bits. What it adds are uniform until the last
phase, when t sites have revealed one share each: it then rebuilds the self-mask seeds of
survivors and the mask keys of those who dropped out, takes these masks off, and is left with
the sum. States are frozen values; when to close a phase (all have answered, or a deadline
passed) is the caller's decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from modelward.errors import MaskingFailed
from modelward.privacy.masks import keys, shamir
from modelward.privacy.masks.grid import Words
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
from modelward.privacy.masks.session import Session
from modelward.privacy.masks.site import survivors_statement, verify_advert

PHASES: tuple[type[FromSite], ...] = (Advert, Parcels, Masked, Consent, Reveal)
"""What sites send, phase by phase."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Where the hub stands in one session.

    Attributes:
        session: The round.
        phase: Index into `PHASES` of what is being collected.
        said: What arrived in each phase so far, by site; masked words only as None, their
            sum is `total`.
        total: Sum of the masked words that arrived, [session.size], modulo 2^bits.
    """

    session: Session
    phase: int = 0
    said: tuple[Mapping[str, FromSite | None], ...] = field(default=({},), repr=False)
    total: Words | None = field(default=None, repr=False)

    @property
    def due(self) -> tuple[str, ...]:
        """Sites that may still answer in this phase, in name order."""
        asked = self.said[self.phase - 1] if self.phase else dict(self.session.roster)
        return tuple(name for name in sorted(asked) if name not in self.said[self.phase])


def receive(state: State, name: str, message: FromSite) -> State:
    """Return the state after `name` said `message`.

    Raises:
        MaskingFailed: If it is not due from this site now, or was altered. The state is
            then as before: the site counts as silent.
    """
    if type(message) is not PHASES[state.phase] or name not in state.due:
        raise MaskingFailed(
            f"{type(message).__name__} from {name} is not due",
            why="each site of the roster answers each phase once, and only while it is in",
            remedy="drop the message; the site counts as silent in this phase",
        )
    kept: FromSite | None = message
    if isinstance(message, Advert):
        verify_advert(state.session, name, message)
    if isinstance(message, Consent):
        said = survivors_statement(state.session, tuple(sorted(state.said[2])))
        state.session.verify(name, message.signature, said)
    if isinstance(message, Masked):
        state, kept = replace(state, total=_added(state, name, message.words)), None
    now = {**state.said[state.phase], name: kept}
    return replace(state, said=(*state.said[: state.phase], now))


def close(state: State) -> tuple[State, dict[str, ToSite]]:
    """End a phase with who has answered; return what to tell each of them.

    Raises:
        MaskingFailed: If too few sites have answered to go on.
    """
    answered = state.said[state.phase]
    state.session.require_enough(answered, ("advertise", "share", "mask", "agree")[state.phase])
    following = replace(state, phase=state.phase + 1, said=(*state.said, {}))
    names = tuple(sorted(answered))
    match state.phase:
        case 0:
            adverts = Adverts({n: m for n, m in answered.items() if isinstance(m, Advert)})
            return following, dict.fromkeys(names, adverts)
        case 1:
            return following, {name: _inbox(answered, name) for name in names}
        case 2:
            return following, dict.fromkeys(names, Survivors(names))
        case _:
            signed = {n: m.signature for n, m in answered.items() if isinstance(m, Consent)}
            return following, dict.fromkeys(names, Consents(signed))


def finish(state: State) -> Words:
    """Return the sum over the survivors, [session.size], modulo 2^bits.

    Raises:
        MaskingFailed: If too few sites revealed their shares, or shares do not fit what the
            sites advertised.
    """
    session = state.session
    reveals = {n: m for n, m in state.said[4].items() if isinstance(m, Reveal)}
    session.require_enough(reveals, "reveal")
    adverts = {n: m for n, m in state.said[0].items() if isinstance(m, Advert)}
    helpers = sorted(reveals)[: session.threshold]
    survivors, shared = sorted(state.said[2]), set(state.said[1])
    if state.total is None:
        raise AssertionError("enough sites were masked, so there is a total")
    total = state.total.copy()
    for name in survivors:
        parts = {session.point(each): reveals[each].seeds.get(name, b"") for each in helpers}
        keys.add_mask(total, _seed(name, parts, adverts[name]), minus=True)
    for name in sorted(shared - set(survivors)):
        parts = {session.point(each): reveals[each].keys.get(name, b"") for each in helpers}
        private = _mask_key(name, parts, adverts[name])
        for other in survivors:
            pair = keys.pair_seed(session, private, adverts[other].mask, (name, other))
            keys.add_mask(total, pair, minus=other < name)
    return total


def _added(state: State, name: str, words: Words) -> Words:
    session = state.session
    if words.shape != (session.size,) or words.dtype != session.dtype:
        raise MaskingFailed(
            f"{name} sent {words.size} {words.dtype} words",
            why=f"this session sums {session.size} words of {session.bits} bits",
            remedy="drop the message; the site counts as silent in this phase",
        )
    return words.copy() if state.total is None else state.total + words


def _inbox(answered: Mapping[str, FromSite | None], name: str) -> Inbox:
    return Inbox(
        {
            sender: parcels.to[name]
            for sender, parcels in answered.items()
            if isinstance(parcels, Parcels) and sender != name and name in parcels.to
        }
    )


def _seed(name: str, parts: Mapping[int, bytes], advert: Advert) -> bytes:
    seed = shamir.join(parts)
    if seed is None or sha256(seed).digest() != advert.seed_hash:
        raise _wrong_shares(name)
    return seed


def _mask_key(name: str, parts: Mapping[int, bytes], advert: Advert) -> bytes:
    key = shamir.join(parts)
    if key is None or keys.public_of(key) != advert.mask:
        raise _wrong_shares(name)
    return key


def _wrong_shares(name: str) -> MaskingFailed:
    return MaskingFailed(
        f"shares of {name} do not rebuild the secret that it advertised",
        why="a mask that is not taken off leaves noise in place of the sum",
        remedy="repeat the round; if it happens again, a site does not follow the protocol",
    )
