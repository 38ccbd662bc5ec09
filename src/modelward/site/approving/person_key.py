"""The keys of people who approve studies: files of their own, locked with a passphrase.

PEM, PKCS #8, encrypted. The site's policy lists each person's name and the fingerprint of
their key, so a decision is theirs and not whoever's had the keyboard.
"""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.errors import StorageError

SHORTEST_PASSPHRASE = 12


def make(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Make a person's key at `path`, and return it.

    Raises:
        StorageError: If there is a file already, or the passphrase is too short.
    """
    if path.exists():
        raise _there(path)
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise StorageError(
            f"no key was made: the passphrase has {len(passphrase)} characters",
            why=f"it locks the key, and has {SHORTEST_PASSPHRASE} or more",
            remedy="choose a longer one, such as four words",
        )
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    if not durable.write_once(path, pem, mode=0o600):
        raise _there(path)
    return key


def unlock(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Return the person's key at `path`.

    Raises:
        StorageError: If it cannot be opened with this passphrase, or has none.
    """
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), passphrase.encode())
    except OSError as error:
        raise StorageError(
            f"{path} cannot be read: {error.strerror}",
            why="a decision is signed with the key of the person who decides",
            remedy="check the path, or make a key: modelward site person NAME --key FILE",
        ) from error
    except (ValueError, TypeError) as error:
        raise _refuse(path, str(error)) from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise _refuse(path, "it is another kind of key")
    return loaded


def _there(path: Path) -> StorageError:
    return StorageError(
        f"no key was made: {path} is there already",
        why="a key is never replaced: what it has signed could not be checked any more",
        remedy="choose another file",
    )


def _refuse(path: Path, found: str) -> StorageError:
    return StorageError(
        f"{path} could not be opened as a person's key: {found}",
        why="an approval is signed with the approver's own key, locked by a passphrase",
        remedy="try the passphrase again, or make a key: modelward site person NAME",
    )
