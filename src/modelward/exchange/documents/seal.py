"""Sealing an artifact for its recipients: whoever carries it reads nothing.

The content is sealed once with a key of its own (ChaCha20-Poly1305, RFC 8439) in chunks, so
that 200 MB need no more memory than one chunk. Nonces count the chunks and mark the last one
(the STREAM construction, Hoang et al. 2015), so chunks cannot be dropped, moved or cut off.
That key is wrapped for each recipient: an ephemeral X25519 exchange (RFC 7748), HKDF-SHA256
(RFC 5869) over both public keys and the card, and the same AEAD. The card's hash is bound to
everything: what was sealed for one card does not open under another.

    sealed file    chunk 0 | chunk 1 | ...   each CHUNK bytes and a tag of 16
    wrapped key    ephemeral public key 32 | sealed content key 48
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from modelward.errors import MessageRefused

CHUNK = 256 * 1024
TAG = 16
KEY = 32
PREFIX = b"modelward-seal/1\n"

Draw = Callable[[int], bytes]
"""Gives that many random bytes; `os.urandom` outside of tests."""


def sealed(source: Path, key: bytes, card: str) -> Iterator[bytes]:
    """Yield the file at `source`, sealed with the content key for `card`."""
    box, bound = ChaCha20Poly1305(key), bytes.fromhex(card)
    with source.open("rb") as stream:
        chunk, number = stream.read(CHUNK), 0
        while True:
            following = stream.read(CHUNK)
            yield box.encrypt(_nonce(number, last=not following), chunk, bound)
            if not following:
                return
            chunk, number = following, number + 1


def opened(source: Path, key: bytes, card: str) -> Iterator[bytes]:
    """Yield what `sealed` was given.

    Raises:
        MessageRefused: If a byte is not what was sealed for `card` with `key`.
    """
    box, bound = ChaCha20Poly1305(key), bytes.fromhex(card)
    with source.open("rb") as stream:
        chunk, number = stream.read(CHUNK + TAG), 0
        while True:
            following = stream.read(CHUNK + TAG)
            try:
                yield box.decrypt(_nonce(number, last=not following), chunk, bound)
            except InvalidTag as error:
                raise _refuse(
                    "its content was altered, cut, or sealed for something else"
                ) from error
            if not following:
                return
            chunk, number = following, number + 1


def wrap(key: bytes, recipient: X25519PublicKey, card: str, draw: Draw) -> str:
    """Return the content key for one recipient, hex."""
    ephemeral = X25519PrivateKey.from_private_bytes(draw(KEY))
    public = ephemeral.public_key().public_bytes_raw()
    shared = _derived(ephemeral.exchange(recipient), public, recipient, card)
    locked = ChaCha20Poly1305(shared).encrypt(bytes(12), key, bytes.fromhex(card))
    return (public + locked).hex()


def unwrap(wrapped: str, own: X25519PrivateKey, card: str) -> bytes:
    """Return the content key.

    Raises:
        MessageRefused: If it was not wrapped for `own` and `card`.
    """
    try:
        raw = bytes.fromhex(wrapped)
        public = X25519PublicKey.from_public_bytes(raw[:KEY])
        shared = _derived(own.exchange(public), raw[:KEY], own.public_key(), card)
        return ChaCha20Poly1305(shared).decrypt(bytes(12), raw[KEY:], bytes.fromhex(card))
    except (ValueError, InvalidTag) as error:
        raise _refuse("it is not sealed for this institution") from error


def _nonce(number: int, *, last: bool) -> bytes:
    return struct.pack(">3xQB", number, last)


def _derived(exchanged: bytes, public: bytes, recipient: X25519PublicKey, card: str) -> bytes:
    info = PREFIX + public + recipient.public_bytes_raw() + bytes.fromhex(card)
    return HKDF(algorithm=SHA256(), length=KEY, salt=None, info=info).derive(exchanged)


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a sealed artifact cannot be opened: {found}",
        why="what is inside is what its maker sealed for its recipients, or nothing",
        remedy="pull it again; ask its maker for a grant if you are not a recipient",
    )
