"""Cards as JSON, signed.

A card is one canonical JSON object (RFC 8785). Its signature is Ed25519 (RFC 8032) over
the canonical JSON of every other field behind a fixed prefix, so a signature made here can
never be mistaken for one over something else. docs/formats/card.md has an example.
"""

import re
from dataclasses import replace
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from pydantic import TypeAdapter, ValidationError

from modelward.core.artifact import Card
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.errors import BadArtifact

FORMAT = "modelward-card/1"
PREFIX = b"modelward-card/1\n"

_cards = TypeAdapter(Card)
_NAMES = tuple(Card.__dataclass_fields__)

_HASH = re.compile(r"[0-9a-f]{64}")
_FORMS = {
    **dict.fromkeys(("study", "task", "schema", "sha256"), _HASH),
    "site": re.compile(r"[a-z][a-z0-9_-]{0,62}"),
    "key": re.compile(r"(?:[0-9a-f]{64})?"),
    "signature": re.compile(r"(?:[0-9a-f]{128})?"),
}
"""What the texts of a card must look like: several of them become names of files."""


def fingerprint(public: Ed25519PublicKey) -> str:
    """Return the SHA-256 of the raw public key, hex; how keys are compared by voice."""
    return sha256(public.public_bytes_raw()).hexdigest()


def to_json(card: Card) -> bytes:
    """Return the canonical JSON of a card."""
    return canonical_bytes(fields(card))


def from_json(raw: bytes) -> Card:
    """Parse a card strictly; the signature is not checked here, see `verify`.

    Raises:
        BadArtifact: If the bytes are not the canonical JSON of a card.
    """
    table = parse_strict(raw, what="card")
    if not isinstance(table, dict) or table.pop("format", None) != FORMAT:
        raise _refuse(f"it does not say it is a {FORMAT}")
    unknown = sorted(set(table) - set(_NAMES))
    if unknown:
        raise _refuse(f"it has unknown fields: {', '.join(unknown)[:80]}")
    try:
        card = _cards.validate_json(canonical_bytes(table), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise _refuse(
            f"{first['loc'][0] if first['loc'] else 'card'}: {first['msg']}"
        ) from error
    odd = [name for name, form in _FORMS.items() if not form.fullmatch(getattr(card, name))]
    if odd or not _HASH.fullmatch(card.parent or card.study):
        raise _refuse(
            f"{odd[0] if odd else 'parent'} is not of its form (docs/formats/card.md)"
        )
    if to_json(card) != raw:
        raise _refuse("it is not in canonical form")
    return card


def sign(card: Card, key: Ed25519PrivateKey) -> Card:
    """Return `card` with the signer's key fingerprint and signature."""
    named = replace(card, key=fingerprint(key.public_key()), signature="")
    return replace(named, signature=key.sign(_signed_bytes(named)).hex())


def verify(card: Card, public: Ed25519PublicKey) -> None:
    """Raise BadArtifact unless `card` was signed, as it stands, with the key of `public`."""
    if card.key != fingerprint(public):
        raise _refuse(f"{card.site} signed with another key, {card.key[:16]}…")
    try:
        public.verify(bytes.fromhex(card.signature), _signed_bytes(replace(card, signature="")))
    except (InvalidSignature, ValueError) as error:
        raise _refuse(f"the signature of {card.site} does not match its content") from error


def fields(card: Card) -> dict[str, Any]:
    """Return what is written of a card, by name."""
    return {"format": FORMAT, **{name: getattr(card, name) for name in _NAMES}}


def _signed_bytes(card: Card) -> bytes:
    signed = fields(card)
    del signed["signature"]
    return PREFIX + canonical_bytes(signed)


def _refuse(found: str) -> BadArtifact:
    return BadArtifact(
        f"not a valid card: {found}",
        why="a card binds an artifact to its study, round, site and bytes",
        remedy="ask the sender for the card again, and compare key fingerprints",
    )
