"""Artifacts as files: `<sha256>.safetensors` with `<sha256>-<task>.card.json` beside it.

Content-addressed: a name is the hash of the bytes, so a file is either right or found to be
wrong when it is read, and storing the same artifact twice is storing it once. Files are
mapped, not read: forked workers share the pages of one model.
"""

import mmap
import re
from collections.abc import Iterable
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from modelward import durable
from modelward.artifact import bundle, card
from modelward.core.artifact import Artifact, Card
from modelward.core.tensors import Schema, Tensors
from modelward.errors import BadArtifact, StorageError

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Store:
    """A folder of artifacts.

    Args:
        folder: Created if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        durable.make_folder(folder)
        self.folder = folder

    @classmethod
    def reading(cls, folder: Path) -> Self:
        """Return the store in a folder that is there and may be read-only."""
        store = cls.__new__(cls)
        store.folder = folder
        return store

    def put(self, tensors: Tensors, schema: Schema) -> tuple[str, int]:
        """Store the canonical bytes of `tensors`.

        Returns:
            SHA-256 of the bundle as 64 hex digits, and its length in bytes.
        """
        digest, length = measure(bundle.encode(tensors, schema))
        path = self.path(digest)
        if not path.exists():
            durable.write_whole(path, bundle.encode(tensors, schema))
        return digest, length

    def put_signed(self, tensors: Tensors, schema: Schema, entry: Card) -> None:
        """Store the canonical bytes of `tensors`, and the card that names their hash.

        Nobody relies on either before this returns. A bundle that lies here already, from
        another task or a crash, is kept if its bytes are right, and then is on disk too.
        """
        path, card_path = self.path(entry.sha256), self._card_path(entry.sha256, entry.task)
        files: dict[Path, bytes | Iterable[bytes | memoryview]] = {}
        kept = [path] if self._holds(entry.sha256) else []
        if not kept:
            files[path] = bundle.encode(tensors, schema)
        files[card_path] = card.to_json(entry)
        durable.write_new(files, kept=kept)

    def path(self, digest: str) -> Path:
        """Return where the bundle `digest` lies, or would lie.

        Raises:
            BadArtifact: If it is no SHA-256: a name from elsewhere is no path of ours.
        """
        if not _DIGEST.fullmatch(digest):
            raise BadArtifact(
                f"{digest[:70]!r} is not the SHA-256 of an artifact",
                why="artifacts lie under their hash, and under no other name",
                remedy="have it sent again by whoever named it",
            )
        return self.folder / f"{digest}.safetensors"

    def tensors(self, digest: str, schema: Schema | None = None) -> dict[str, NDArray[Any]]:
        """Return read-only views into the stored bundle, mapped from its file.

        Args:
            digest: SHA-256 of the bundle; the bytes are checked against it.
            schema: What the bundle must hold; any canonical bundle if None.

        Raises:
            StorageError: If the file is missing or its bytes have another hash.
            BadArtifact: If it is not the canonical bundle of `schema`.
        """
        path = self.path(digest)
        try:
            with path.open("rb") as stream:
                view = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError) as error:
            raise StorageError(
                f"artifact {digest[:12]}… cannot be read from {path.parent}: {error}",
                why="a round needs the bytes that its record names",
                remedy="restore the folder from a backup, or start the run in a new one",
            ) from error
        if sha256(view).hexdigest() != digest:
            raise StorageError(
                f"{path} does not have the hash of its name",
                why="an artifact is what its hash says, or it is damaged",
                remedy="restore the file from a backup, or start the run in a new folder",
            )
        return bundle.parse_any(view) if schema is None else bundle.parse(view, schema)

    def artifact(self, digest: str, task: str, schema: Schema | None = None) -> Artifact:
        """Return the stored artifact that answers `task`.

        Raises:
            StorageError: As `tensors`, or if its card is missing.
            BadArtifact: As `tensors`, or if its card is not canonical.
        """
        path = self._card_path(digest, task)
        try:
            entry = card.from_json(path.read_bytes())
        except OSError as error:
            raise StorageError(
                f"the card of artifact {digest[:12]}… cannot be read: {error}",
                why="an artifact without its card belongs to no study",
                remedy="restore the folder from a backup, or start the run in a new one",
            ) from error
        if (entry.sha256, entry.task) != (digest, task):
            raise BadArtifact(
                f"{path} is the card of another artifact",
                why="a card binds one artifact to one task",
                remedy="restore the folder from a backup, or start the run in a new one",
            )
        return Artifact(entry, self.tensors(digest, schema))

    def _holds(self, digest: str) -> bool:
        """Return whether the bytes under this name are those that it names."""
        try:
            with self.path(digest).open("rb") as stream:
                return file_digest(stream, "sha256").hexdigest() == digest
        except FileNotFoundError:
            return False

    def _card_path(self, digest: str, task: str) -> Path:
        return self.folder / f"{digest}-{task[:16]}.card.json"


def measure(chunks: Iterable[bytes | memoryview]) -> tuple[str, int]:
    """Return SHA-256 (hex) and length of `chunks` in order."""
    digest, length = sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        length += len(chunk)
    return digest.hexdigest(), length
