"""Who was admitted to a hub: one file a site, HUB/members/NAME.json; removed ones stay, marked.

Commands and the running node change these files at the same time: whoever reads one to write
it anew does so within `alone`, or a renewal could bring back a site that was removed meanwhile.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward import durable
from modelward.core.canonical import Json, canonical_bytes
from modelward.errors import NotAdmitted, StorageError
from modelward.joining import certificates
from modelward.joining.files import Request
from modelward.joining.keys import spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An admitted site.

    Attributes:
        site: Its name.
        key: Its Ed25519 public key, raw, hex.
        certificate: The last certificate it was given, PEM.
        removed: Whether it was removed; then it has no access of any kind.
    """

    site: str
    key: str
    certificate: str
    removed: bool = False

    @property
    def signing(self) -> Ed25519PublicKey:
        """Its signing key."""
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))

    @property
    def spoken(self) -> str:
        """Its fingerprint, as its request showed it."""
        held = certificates.from_pem(self.certificate)
        return spoken(self.signing, certificates.public_of(held))


class Members:
    """The files of one hub.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, site: str) -> Member | None:
        """Return who goes by the name `site`, removed or not.

        Raises:
            StorageError: If the file is damaged.
        """
        path = self._folder / f"{site}.json"
        return _read(path) if path.exists() else None

    def all(self) -> list[Member]:
        """Return everybody who was ever admitted, by name.

        Raises:
            StorageError: If a file is damaged.
        """
        return [_read(path) for path in sorted(self._folder.glob("*.json"))]

    def put(self, member: Member) -> None:
        """Keep what is known of a site, in place of what was known."""
        fields: dict[str, Json] = {
            "site": member.site,
            "key": member.key,
            "certificate": member.certificate,
            "removed": member.removed,
        }
        path = self._folder / f"{member.site}.json"
        durable.write_whole(path, canonical_bytes(fields))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads and processes from changing members for the length of a block."""
        path = self._folder / ".lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _read(path: Path) -> Member:
    """Return the member whose file this is.

    Raises:
        StorageError: If it is damaged.
    """
    try:
        return Member(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(
            f"{path} cannot be read as a member: {error}",
            why="who has access, and under which key, is known from these files alone",
            remedy="restore it from a backup, or remove it and admit the site's request again",
        ) from error


def require_free(known: Member | None, asked: Request) -> None:
    """Return if a request may have the name that it asks for, which `known` goes by.

    Raises:
        NotAdmitted: If that member was removed, or has another signing key.
    """
    if known is not None and known.removed:
        raise NotAdmitted(
            f"{asked.site} was removed from this hub",
            why="a removed site's keys stay refused",
            remedy="admit it under another name, with new keys",
        )
    if known is not None and known.key != asked.key:
        raise NotAdmitted(
            f"{asked.site} is admitted with another signing key",
            why="approvals and ledgers of a site are bound to the key it joined with",
            remedy="take the request of the folder that joined, or have it ask under "
            f"another name than {asked.site}: a removed name stays removed",
        )
