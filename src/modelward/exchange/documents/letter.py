"""Letters: the signed, numbered, chained things that an institution says to the others.

Every institution writes one sequence of letters, and everybody else reads it. A letter names
the one before it by hash, so that a carrier can hold letters back but can neither change,
reorder nor replace them: a box that goes back, forks or leaves one out is found by whoever
has read it before. What a letter asks for is in its body, by kind:

    offer            card, sealed {sha256, nbytes}, keys {recipient: wrapped key}
    request          card: asks its maker for a key
    grant            card, to, key: the maker's answer
    acknowledgement  card: it arrived, whole
    revocation       card, reason: it must not be used from now on
    report           card, recalls [label: share], units [label: band], release
    ballot           candidate, pool, recalls, plain, units, release
    combiner         pool, round, weight, bias, release: a step of balanced FENS
    farewell         reason: the sender leaves the network; all it gave is revoked

docs/formats/letter.md has an example. Pure: keys and time are arguments.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from pydantic import Field, ValidationError

from modelward.artifact.card import fingerprint
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.terms import Count, Name, Part
from modelward.errors import BadArtifact, MessageRefused
from modelward.exchange.documents.card import Hash, Signature, Stamp

PREFIX = b"modelward-letter/1\n"
START = "0" * 64
"""What the first letter names as the one before it."""

MAX_BYTES = 512 * 1024
SKEW = timedelta(minutes=5)

Kind = Literal[
    "offer",
    "request",
    "grant",
    "acknowledgement",
    "revocation",
    "report",
    "ballot",
    "combiner",
    "farewell",
]


class Letter(Part):
    """A whole letter."""

    format: Literal["modelward-letter/1"] = "modelward-letter/1"
    kind: Kind
    question: Hash
    sender: Name
    number: Count
    previous: Hash
    issued: Stamp
    body: dict[str, Any]
    key: Hash = START
    signature: Signature = Field(default="")

    @property
    def time(self) -> datetime:
        """When it was written."""
        return datetime.fromisoformat(self.issued)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a box has been read.

    Attributes:
        number: Of the last letter.
        digest: SHA-256 of its bytes.
    """

    number: int = 0
    digest: str = START


def write(letter: Letter, key: Ed25519PrivateKey) -> bytes:
    """Return the signed bytes of a letter.

    Raises:
        MessageRefused: If it is longer than `MAX_BYTES`.
    """
    fields = letter.model_dump(mode="json")
    fields["key"] = fingerprint(key.public_key())
    del fields["signature"]
    signature = key.sign(PREFIX + canonical_bytes(fields)).hex()
    raw = canonical_bytes({**fields, "signature": signature})
    if len(raw) > MAX_BYTES:
        raise refuse(letter.sender, f"it is {len(raw):,} bytes long, {MAX_BYTES:,} are read")
    return raw


def digest(raw: bytes) -> str:
    """Return what the next letter names this one by."""
    return sha256(raw).hexdigest()


def read(
    raw: bytes, sender: str, public: Ed25519PublicKey, place: Place, *, now: datetime
) -> Letter:
    """Return the letter in `raw`, if it is the next one of its sender.

    Raises:
        MessageRefused: If it is altered, not signed by `sender`, out of order, from the
            future, or follows another letter than the one that was read before.
    """
    if len(raw) > MAX_BYTES:
        raise refuse(sender, f"it is {len(raw):,} bytes long, {MAX_BYTES:,} are read")
    try:
        fields = parse_strict(raw, what="letter")
        letter = Letter.model_validate_json(raw, strict=True)
        spelled = canonical_bytes(letter.model_dump(mode="json"))
    except (BadArtifact, ValidationError) as error:
        raise refuse(sender, f"it is no letter: {str(error)[:120]}") from error
    if spelled != raw:
        raise refuse(sender, "it is not in canonical form")
    signature = fields.pop("signature")
    if letter.sender != sender or letter.key != fingerprint(public):
        raise refuse(sender, f"it is signed by {letter.sender}, key {letter.key[:16]}…")
    try:
        public.verify(bytes.fromhex(signature), PREFIX + canonical_bytes(fields))
    except (InvalidSignature, ValueError) as error:
        raise refuse(sender, "its signature does not fit") from error
    if (letter.number, letter.previous) != (place.number + 1, place.digest):
        raise refuse(sender, f"number {letter.number} does not follow {place.number}")
    if letter.time > now + SKEW:
        raise refuse(sender, f"it was written at {letter.issued}, in the future")
    return letter


def refuse(sender: str, found: str) -> MessageRefused:
    """Return the error for a letter that does not count."""
    return MessageRefused(
        f"a letter in the box of {sender} is refused: {found}",
        why="a box is one sequence of signed letters; a second history is no history",
        remedy="call the institution, and compare the number and hash of its last letter",
    )
