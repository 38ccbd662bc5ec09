"""Messages of a masked sum as tensors, so that they travel like any artifact.

    question + schema + roster -> session       the same for hub and sites
    what a site says            -> tensors      one bundle for each exchange
    what the hub has heard      -> tensors      one bundle for all sites, longer each time

A row of zeros means that nothing is there: a key, a signature or a sealed parcel of zeros
does not come about. The hub's bundle is told to everybody; parcels in it are sealed, so a
site can open its own and no other.

Names of exchanges are those of core/task.py; phases those of session.py, in the same order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelward.core.canonical import canonical_hash
from modelward.core.ring import coded_words
from modelward.core.task import MASK_PHASES, MaskPhase, Task
from modelward.core.tensors import Schema, Tensors, TensorSpec
from modelward.privacy.masks import hub
from modelward.privacy.masks.coded import Code
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
from modelward.privacy.masks.session import WIDEST, Session
from modelward.privacy.masks.shamir import SHARE_BYTES
from modelward.privacy.masks.words import words_in

KEY, SIGNATURE = 32, 64
ADVERT = 3 * KEY + SIGNATURE
"""Bytes of two keys, the hash of the seed, and the signature under them."""

PARCEL = 2 * SHARE_BYTES + 16
"""Bytes of two shares, sealed."""

Bytes = NDArray[np.uint8]


def session_of(
    question: Task, schema: Schema, roster: Mapping[str, str], code: Code | None = None
) -> Session:
    """Return the session in which the answers to `question` are summed.

    Args:
        question: What is asked, without an exchange.
        schema: Of an answer to it (study/answers.py).
        roster: Name -> raw Ed25519 public key (hex) of each site, as approvals pinned them.
        code: In which the study has answers to `question` summed; None if it has none.

    Raises:
        MaskingFailed: If no sum over this roster hides anything.
    """
    bits = WIDEST if code is None else code.bits(len(roster))
    return Session(
        study=question.study,
        round_no=question.round_no,
        task=question.id,
        schema=canonical_hash(schema.describe()),
        roster=tuple(sorted(roster.items())),
        size=words_in(schema) if code is None else coded_words(schema.size, bits),
        bits=bits,
    )


def said_schema(session: Session, phase: MaskPhase) -> Schema:
    """Return the schema of what a site says in `phase`."""
    sites = len(session.roster)
    match phase:
        case "mask-keys":
            return Schema.of(TensorSpec("advert", "U8", (ADVERT,)))
        case "mask-shares":
            return Schema.of(TensorSpec("parcels", "U8", (sites, PARCEL)))
        case "masked":
            if session.bits == WIDEST:
                return Schema.of(TensorSpec("words", "I64", (session.size,)))
            octets = session.size * session.dtype.itemsize
            return Schema.of(TensorSpec("words", "U8", (octets,)))
        case "mask-list":
            return Schema.of(TensorSpec("signature", "U8", (SIGNATURE,)))
        case "unmask":
            shape = (sites, SHARE_BYTES)
            return Schema.of(TensorSpec("keys", "U8", shape), TensorSpec("seeds", "U8", shape))


def said(session: Session, message: FromSite) -> Tensors:
    """Return what a site says, as tensors of `said_schema`."""
    match message:
        case Advert():
            return {"advert": _flat(_spelt(message))}
        case Parcels():
            return {"parcels": _rows(session, message.to, PARCEL)}
        case Masked():
            wide = session.bits == WIDEST
            return {"words": message.words.view("<i8" if wide else "u1")}
        case Consent():
            return {"signature": _flat(message.signature)}
        case Reveal():
            return {
                "keys": _rows(session, message.keys, SHARE_BYTES),
                "seeds": _rows(session, message.seeds, SHARE_BYTES),
            }


def read_said(session: Session, phase: MaskPhase, tensors: Tensors) -> FromSite:
    """Return the message in tensors of `said_schema(session, phase)`."""
    match phase:
        case "mask-keys":
            return _advert(tensors["advert"])
        case "mask-shares":
            return Parcels(_named(session, tensors["parcels"]))
        case "masked":
            return Masked(tensors["words"].view(session.dtype))
        case "mask-list":
            return Consent(tensors["signature"].tobytes())
        case "unmask":
            return Reveal(_named(session, tensors["seeds"]), _named(session, tensors["keys"]))


def told_schema(session: Session, phase: MaskPhase) -> Schema:
    """Return the schema of what sites are told when they are asked `phase`."""
    sites = len(session.roster)
    specs = (
        TensorSpec("adverts", "U8", (sites, ADVERT)),
        TensorSpec("parcels", "U8", (sites, sites, PARCEL)),
        TensorSpec("survivors", "U8", (sites,)),
        TensorSpec("consents", "U8", (sites, SIGNATURE)),
    )
    return Schema.of(*specs[: MASK_PHASES.index(phase)])


def told(state: hub.State) -> Tensors:
    """Return what the hub has heard in the phases that it has closed, for every site."""
    session, heard = state.session, state.said
    parcels = np.zeros((len(session.roster), len(session.roster), PARCEL), np.uint8)
    found: dict[str, NDArray[Any]] = {}
    for phase in range(state.phase):
        match phase:
            case 0:
                keys = {n: _spelt(m) for n, m in heard[0].items() if isinstance(m, Advert)}
                found["adverts"] = _rows(session, keys, ADVERT)
            case 1:
                for name, message in heard[1].items():
                    if isinstance(message, Parcels):
                        parcels[session.point(name) - 1] = _rows(session, message.to, PARCEL)
                found["parcels"] = parcels
            case 2:
                alive = [name in heard[2] for name in session.names]
                found["survivors"] = np.array(alive, np.uint8)
            case _:
                signed = {n: m.signature for n, m in heard[3].items() if isinstance(m, Consent)}
                found["consents"] = _rows(session, signed, SIGNATURE)
    return found


def read_told(session: Session, name: str, tensors: Tensors) -> tuple[ToSite, ...]:
    """Return the hub's messages to `name`, in order, from tensors of a `told_schema`."""
    messages: list[ToSite] = []
    if "adverts" in tensors:
        rows = dict(zip(session.names, tensors["adverts"], strict=True))
        messages.append(Adverts({n: _advert(row) for n, row in rows.items() if row.any()}))
    if "parcels" in tensors:
        mine = tensors["parcels"][:, session.point(name) - 1]
        messages.append(Inbox(_named(session, mine)))
    if "survivors" in tensors:
        alive = zip(session.names, tensors["survivors"], strict=True)
        messages.append(Survivors(tuple(each for each, there in alive if there)))
    if "consents" in tensors:
        messages.append(Consents(_named(session, tensors["consents"])))
    return tuple(messages)


def _spelt(advert: Advert) -> bytes:
    return advert.channel + advert.mask + advert.seed_hash + advert.signature


def _advert(row: Bytes) -> Advert:
    raw = row.tobytes()
    return Advert(raw[:KEY], raw[KEY : 2 * KEY], raw[2 * KEY : 3 * KEY], raw[3 * KEY :])


def _flat(raw: bytes) -> Bytes:
    return np.frombuffer(raw, np.uint8)


def _rows(session: Session, named: Mapping[str, bytes], width: int) -> Bytes:
    """Return one row per site of the roster, zeros for who is not named."""
    rows: Sequence[bytes] = [named.get(name, bytes(width)) for name in session.names]
    return _flat(b"".join(rows)).reshape(len(rows), width)


def _named(session: Session, rows: Bytes) -> dict[str, bytes]:
    """Return the rows that are there, by name."""
    pairs = zip(session.names, rows, strict=True)
    return {name: row.tobytes() for name, row in pairs if row.any()}
