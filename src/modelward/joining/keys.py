"""Private keys on disk, and fingerprints that people compare by voice.

Two kinds of key, kept apart: Ed25519 signs what is said (artifacts, letters, joining files),
P-256 proves who is on the line (TLS). A key is made once, readable by its owner only, and
never sent.
"""

from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from modelward import durable
from modelward.errors import StorageError

TlsKey = ec.EllipticCurvePrivateKey

SPOKEN = 32
"""Hex digits of a spoken fingerprint: 128 bits against a second preimage."""


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the Ed25519 key stored at `path` (PEM, PKCS #8), making one if there is none.

    Raises:
        StorageError: If the file is there but holds no Ed25519 key.
    """
    if not path.exists():
        _write(path, Ed25519PrivateKey.generate())
    loaded = _load(path)
    if not isinstance(loaded, Ed25519PrivateKey):
        raise _refuse(path, "it is another kind of key")
    return loaded


def tls_key(path: Path) -> TlsKey:
    """Return the P-256 key stored at `path` (PEM, PKCS #8), making one if there is none.

    Raises:
        StorageError: If the file is there but holds no P-256 key.
    """
    if not path.exists():
        _write(path, ec.generate_private_key(ec.SECP256R1()))
    loaded = _load(path)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.curve.name != "secp256r1":
        raise _refuse(path, "it is another kind of key")
    return loaded


def spki(public: ec.EllipticCurvePublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a TLS key; what nats-server pins by SHA-256."""
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def spoken(signing: Ed25519PublicKey, tls: ec.EllipticCurvePublicKey) -> str:
    """Return the fingerprint of a party's two public keys, as groups of four hex digits.

    >>> from cryptography.hazmat.primitives.asymmetric import ec
    >>> signing = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    >>> spoken(signing, ec.derive_private_key(1, ec.SECP256R1()).public_key())
    '3d7d 627f 2379 423b 73a3 a1e6 d6eb 2169'
    """
    digest = sha256(b"modelward-fingerprint/1\n" + signing.public_bytes_raw() + spki(tls))
    text = digest.hexdigest()[:SPOKEN]
    return " ".join(text[start : start + 4] for start in range(0, SPOKEN, 4))


def _write(path: Path, key: Ed25519PrivateKey | TlsKey) -> None:
    """Keep `key`, unless another process has made one meanwhile."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    durable.write_once(path, pem, mode=0o600)


def _load(path: Path) -> object:
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise _refuse(path, str(error)) from error


def _refuse(path: Path, found: str) -> StorageError:
    return StorageError(
        f"{path} holds no usable private key: {found}",
        why="a party is known by the keys that it was admitted with",
        remedy="restore the key from a backup; a new key needs a new admission",
    )
