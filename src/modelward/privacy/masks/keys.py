"""Keys of one round, and the masks that grow from them.

    entropy (32 secret bytes, new each round, stored before anything is sent)
      -> HKDF-SHA256 (RFC 5869), info = label | session
           -> channel key, mask key (X25519, RFC 7748), self-mask seed, polynomials
    X25519(mine, theirs) -> HKDF, info = label | session | both names -> 256-bit seed
    seed -> AES-256-CTR (NIST SP 800-38A), counter from 0 -> words, as wide as they are summed

Everything follows from the entropy, so a site that was killed says the same words again.
Each seed serves one pair (or one site) in one session, so counters may start at 0.
"""

from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from modelward.core.canonical import canonical_bytes
from modelward.errors import MaskingFailed
from modelward.privacy.masks.grid import Words
from modelward.privacy.masks.session import Session
from modelward.privacy.masks.shamir import COEFFICIENT_BYTES

CHUNK = 1 << 16
"""Words of a mask made at once: they stay in a level-2 cache until they are added."""

_ZEROS = bytes(8 * CHUNK)
_NONCE = bytes(12)  # every sealing key seals once


@dataclass(frozen=True, slots=True)
class RoundKeys:
    """A site's secrets of one session, all from `entropy`."""

    session: Session
    entropy: bytes

    @property
    def channel(self) -> bytes:
        """X25519 private key that opens parcels from peers, 32 bytes."""
        return self._grow("channel", 32)

    @property
    def mask(self) -> bytes:
        """X25519 private key that pairwise masks come from, 32 bytes."""
        return self._grow("mask", 32)

    @property
    def seed(self) -> bytes:
        """The self-mask seed, 32 bytes."""
        return self._grow("seed", 32)

    def polynomial(self, of: str) -> bytes:
        """Return the random coefficients that share the secret `of`."""
        return self._grow(f"polynomial {of}", COEFFICIENT_BYTES * (self.session.threshold - 1))

    def _grow(self, label: str, length: int) -> bytes:
        return _hkdf(self.entropy, self.session, [label], length)


def public_of(private: bytes) -> bytes:
    """Return the X25519 public key of a private one, both 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def agree(mine: bytes, theirs: bytes) -> bytes:
    """Return what two sites agree on by X25519, 32 bytes.

    Args:
        mine: Private key of one.
        theirs: Public key of the other.

    Raises:
        MaskingFailed: If `theirs` is no key, or one that agrees with everybody.
    """
    try:
        return X25519PrivateKey.from_private_bytes(mine).exchange(
            X25519PublicKey.from_public_bytes(theirs)
        )
    except ValueError as error:
        raise MaskingFailed(
            f"a peer advertised {theirs.hex()[:12]}…, with which nothing secret is agreed on",
            why="a public key of low order gives the same secret with every private key",
            remedy="stop the round: the site does not follow the protocol",
        ) from error


def pair_seed(session: Session, mine: bytes, theirs: bytes, names: tuple[str, str]) -> bytes:
    """Return the mask seed of two sites, the same from either side, 32 bytes.

    Args:
        session: The round.
        mine: Mask private key of one, raw.
        theirs: Mask public key of the other, raw.
        names: Both names, in any order.
    """
    return _hkdf(agree(mine, theirs), session, ["pair", *sorted(names)], 32)


def seal(session: Session, agreed: bytes, way: tuple[str, str], parcel: bytes) -> bytes:
    """Return `parcel` sealed (AES-256-GCM) for the way (sender, receiver)."""
    return _sealing(session, agreed, way).encrypt(_NONCE, parcel, None)


def unseal(session: Session, agreed: bytes, way: tuple[str, str], parcel: bytes) -> bytes:
    """Return what `seal` sealed; raises cryptography's InvalidTag if it was altered."""
    return _sealing(session, agreed, way).decrypt(_NONCE, parcel, None)


def add_mask(words: Words, seed: bytes, *, minus: bool) -> None:
    """Add the mask of `seed` to `words`, or subtract it, in place, modulo 2^(bits of a word).

    Every byte of a mask is uniform, so a word of it is, whatever its width.
    """
    stream = Cipher(AES256(seed), CTR(bytes(16))).encryptor()
    width = words.itemsize
    space = bytearray(width * CHUNK + 16)
    mask = np.frombuffer(space, words.dtype, count=CHUNK)
    change = np.subtract if minus else np.add
    for start in range(0, words.size, CHUNK):
        part = words[start : start + CHUNK]
        stream.update_into(memoryview(_ZEROS)[: width * part.size], space)
        change(part, mask[: part.size], out=part)


def _sealing(session: Session, agreed: bytes, way: tuple[str, str]) -> AESGCM:
    return AESGCM(_hkdf(agreed, session, ["parcel", *way], 32))


def _hkdf(secret: bytes, session: Session, label: list[str], length: int) -> bytes:
    info = canonical_bytes(["modelward/masks/1", *label, session.binding.hex()])
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)
