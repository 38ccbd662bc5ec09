"""Sealed for its recipients: who carries it reads nothing, and nothing of it moves."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from modelward.errors import MessageRefused
from modelward.exchange.documents import seal

CARD, KEY = "5c" * 32, bytes(range(32))


def sealed(path: Path, content: bytes, card: str = CARD) -> Path:
    """Write `content`, sealed, and return the file."""
    plain = path / "plain"
    plain.write_bytes(content)
    out = path / "sealed"
    out.write_bytes(b"".join(seal.sealed(plain, KEY, card)))
    return out


@pytest.mark.parametrize(
    "size", [0, 1, seal.CHUNK - 1, seal.CHUNK, seal.CHUNK + 1, 3 * seal.CHUNK]
)
def test_what_was_sealed_is_what_is_opened(tmp_path, size):
    content = os.urandom(size)

    out = sealed(tmp_path, content)

    assert b"".join(seal.opened(out, KEY, CARD)) == content
    assert size < 100 or content[:100] not in out.read_bytes()


def test_a_byte_changed_a_chunk_moved_dropped_or_another_card_is_refused(tmp_path):
    out = sealed(tmp_path, bytes(2 * seal.CHUNK + 5))
    raw, part = out.read_bytes(), seal.CHUNK + seal.TAG
    wrong = {
        "changed": raw[:100] + bytes([raw[100] ^ 1]) + raw[101:],
        "exchanged": raw[part : 2 * part] + raw[:part] + raw[2 * part :],
        "cut": raw[: 2 * part],
        "begun later": raw[part:],
    }

    for bytes_ in wrong.values():
        out.write_bytes(bytes_)
        with pytest.raises(MessageRefused):
            list(seal.opened(out, KEY, CARD))
    out.write_bytes(raw)
    with pytest.raises(MessageRefused):
        list(seal.opened(out, KEY, "00" * 32))


def test_a_key_opens_for_its_recipient_and_its_card_alone():
    own, other = (X25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    wrapped = seal.wrap(KEY, own.public_key(), CARD, os.urandom)

    assert seal.unwrap(wrapped, own, CARD) == KEY
    for key, card in ((other, CARD), (own, "00" * 32)):
        with pytest.raises(MessageRefused, match="not sealed for this institution"):
            seal.unwrap(wrapped, key, card)


@pytest.mark.parametrize("text", ["", "zz", "00" * 80, "00" * 31])
def test_a_wrapped_key_that_is_none_is_refused(text):
    with pytest.raises(MessageRefused):
        seal.unwrap(text, X25519PrivateKey.generate(), CARD)
