"""Signed notes: a text, an empty line, and one line for each signature.

Implements C2SP signed-note (c2sp.org/signed-note) with Ed25519 keys (signature type 0x01),
byte for byte the format of Go's golang.org/x/mod/sumdb/note.

A note may carry signatures of several keys: `verify` wants a good one of the key it is
given and passes over those of keys it does not know, which is what lets another party
add its own later. What the text says is checkpoint.py's business, what a witness signs
(type 0x04) cosignature.py's.
"""

import base64
import binascii
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from modelward.errors import LedgerBroken

ED25519 = b"\x01"
"""Signature type of plain Ed25519 (C2SP signed-note, "Signature types")."""

COSIGNATURE = b"\x04"
"""Signature type of timestamped Ed25519, by witnesses (C2SP tlog-cosignature)."""

MAX_SIGNATURES = 100
"""As in Go's implementation: a note with more is refused instead of being worked through."""

MAX_BYTES = 2**16
"""A longer note is refused unread; 100 signatures take a fifth of it."""

_DASH = "\N{EM DASH} "
_KEY_ID_BYTES = 4
_PUBLIC_BYTES = 32


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Who signs, and with which public key.

    Attributes:
        name: Name of the signer, such as `modelward/cleveland`: not empty, no spaces, no `+`.
        public: Raw Ed25519 public key, 32 bytes.
        type: What it signs: `ED25519` (notes) or `COSIGNATURE` (what a witness saw).

    Raises:
        LedgerBroken: If one of them is not of that form.
    """

    name: str
    public: bytes
    type: bytes = ED25519

    def __post_init__(self) -> None:
        known = self.type in {ED25519, COSIGNATURE}
        if not _is_name(self.name) or not known or len(self.public) != _PUBLIC_BYTES:
            _refuse_key(f"{self.name!r} with {len(self.public)} key bytes")

    @property
    def id(self) -> bytes:
        """First 4 bytes of SHA-256 over name, newline, signature type and public key."""
        return _key_id(self.name, self.type + self.public)

    @property
    def text(self) -> str:
        """The spelling for files and people: `name+keyid+base64(type, key)`."""
        encoded = base64.b64encode(self.type + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"

    @property
    def cosigner(self) -> Self:
        """The same signer as a witness: a cosignature has a key id of its own."""
        return type(self)(self.name, self.public, COSIGNATURE)

    def check(self, signature: bytes, message: bytes) -> bool:
        """Return whether `signature` over `message` is by this key."""
        try:
            _public(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name+keyid+base64(type, key)`, as `text` spells it.

        Raises:
            LedgerBroken: For any other spelling, and when the key id does not fit the key.
        """
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        raw = decode_base64(encoded)
        if raw is None or len(raw) != 1 + _PUBLIC_BYTES:
            _refuse_key(text)
        key = cls(name, raw[1:], raw[:1])
        if key.text != text:
            _refuse_key(text)
        return key


@dataclass(frozen=True, slots=True)
class Signer:
    """A name and the private key behind it."""

    name: str
    private: Ed25519PrivateKey

    @property
    def key(self) -> VerifierKey:
        """What others need to verify this signer."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note, not yet verified.

    Attributes:
        name: Who is said to have signed.
        key_id: First bytes of a hash of the key, 4 bytes.
        raw: What follows the key id, at least 1 byte.
    """

    name: str
    key_id: bytes
    raw: bytes

    @property
    def line(self) -> str:
        """The line in the note, with its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.raw).decode()}\n"

    def claims(self, key: VerifierKey) -> bool:
        """Return whether the line says it is by `key`."""
        return self.key_id == key.id and self.name == key.name


def sign(text: str, *signers: Signer) -> bytes:
    """Return the note of `text` with one signature line for each signer, in their order.

    Args:
        text: Ends with a newline and holds no other control characters.
        signers: At least one.

    Raises:
        LedgerBroken: If the text cannot be part of a note.
    """
    _check_text(text)
    lines = [
        Signature(signer.name, signer.key.id, signer.private.sign(text.encode())).line
        for signer in signers
    ]
    return (text + "\n" + "".join(lines)).encode()


def verify(note: bytes, key: VerifierKey) -> str:
    """Return the text of `note` after checking that `key` signed it.

    Raises:
        LedgerBroken: If the bytes are not a note, if no signature is by `key`, or if one
            that claims to be by `key` does not verify.
    """
    text, signatures = split(note)
    ours = [signature for signature in signatures if signature.claims(key)]
    if not ours or key.type != ED25519:
        raise LedgerBroken(
            f"the note carries no signature by {key.text}",
            why="a text counts only when the expected key signed it (C2SP signed-note)",
            remedy="check that you were given the right key; otherwise the note is foreign",
        )
    if not all(key.check(signature.raw, text.encode()) for signature in ours):
        raise LedgerBroken(
            f"a signature by {key.name} does not fit its text",
            why="text or signature was changed after signing (C2SP signed-note)",
            remedy="compare with a copy of the note that somebody else holds",
        )
    return text


def split(note: bytes) -> tuple[str, list[Signature]]:
    """Return the text of `note` and its signatures, none of them verified.

    Raises:
        LedgerBroken: If the bytes are not a note.
    """
    text, lines = _split(note)
    return text, [_parse_signature(line) for line in lines]


def decode_base64(text: str) -> bytes | None:
    """Return the bytes of standard padded base64, or None unless it is the one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _split(note: bytes) -> tuple[str, list[str]]:
    """Return the text and the signature lines; the last empty line divides them."""
    if len(note) > MAX_BYTES:
        raise _malformed(f"{len(note):,} bytes are more than {MAX_BYTES:,}")
    try:
        decoded = note.decode()
    except UnicodeDecodeError as error:
        raise _malformed("it is not UTF-8") from error
    head, divider, tail = decoded.rpartition("\n\n")
    if not divider or not tail.endswith("\n"):
        raise _malformed("no signature lines after an empty line")
    lines = tail.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise _malformed(f"more than {MAX_SIGNATURES} signatures")
    _check_text(head + "\n")
    return head + "\n", lines


def _parse_signature(line: str) -> Signature:
    """Read one signature line, without its newline."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    raw = decode_base64(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or raw is None:
        raise _malformed(f"not a signature line: {line[:80]!r}")
    if len(raw) <= _KEY_ID_BYTES:
        raise _malformed(f"an empty signature by {name[:80]!r}")
    return Signature(name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:])


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise _malformed("the text does not end with a newline")
    if text.isascii() and text.replace("\n", "").isprintable():
        return  # as most texts are; one look instead of one for each character
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text if sign != "\n"):
        raise _malformed("the text holds control characters")


@lru_cache(maxsize=1024)
def _key_id(name: str, typed: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + typed).digest()[:_KEY_ID_BYTES]


@lru_cache(maxsize=1024)
def _public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


def _is_name(name: str) -> bool:
    return bool(name) and name.isprintable() and " " not in name and "+" not in name


def _malformed(what: str) -> LedgerBroken:
    return LedgerBroken(
        f"these bytes are not a signed note: {what}",
        why="a note has exactly one spelling (C2SP signed-note, docs/formats/ledger.md)",
        remedy="fetch the note again; it was cut, damaged or edited",
    )


def _refuse_key(text: str) -> NoReturn:
    raise LedgerBroken(
        f"not a verifier key: {text[:120]}",
        why="a key is written name+keyid+base64, and the key id must fit name and key",
        remedy="copy the whole line of key.pub; names have no spaces and no plus signs",
    )
