"""A site's signing key: made once, readable by its owner only, never sent."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.errors import StorageError


def signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the key stored at `path` (PEM, PKCS #8), making one if there is none.

    Raises:
        StorageError: If the file is there but holds no Ed25519 key.
    """
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        durable.write_whole(path, pem, mode=0o600)
        return key
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise _refuse(path, str(error)) from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise _refuse(path, "it is another kind of key")
    return loaded


def _refuse(path: Path, found: str) -> StorageError:
    return StorageError(
        f"{path} holds no signing key: {found}",
        why="a site signs everything it releases with the key it was admitted with",
        remedy="restore the key from a backup; a new key needs a new admission",
    )
