"""A wire that is a folder: a network drive, a USB stick, or a test.

    CARRIER/NAME/letters/000000001.json     letters, by number
    CARRIER/NAME/objects/SHA256             sealed artifacts

It has the same contract as the boxes on JetStream (core/ports.py) and keeps nobody out: who
may write where is a matter of the folder's permissions. That is less than the server does and
changes nothing that counts, because letters are signed and artifacts are sealed.
"""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from modelward import durable
from modelward.errors import BadArtifact, EngineFailed, MessageRefused

BLOCK = 1024 * 1024

LONGEST = 1024 * 1024
"""Bytes of a letter that are read: twice what one may have, so that a longer one is refused."""


class SharedFolder:
    """The boxes in one folder, as one institution sees them.

    Args:
        folder: Where they lie.
        own: The institution whose box may be written.
    """

    def __init__(self, folder: Path, own: str) -> None:
        self._folder, self._own = folder, own
        for part in ("letters", "objects"):
            durable.make_folder(folder / own / part)

    def post(self, number: int, letter: bytes) -> None:
        """Put letter `number` into the own box."""
        path = self._letter(self._own, number)
        if path.exists():
            if path.read_bytes() == letter:
                return
            raise _refuse(f"letter {number} of {self._own} is there with other content")
        if number > 1 and not self._letter(self._own, number - 1).exists():
            raise _refuse(f"letter {number - 1} of {self._own} is missing")
        durable.write_whole(path, letter)

    def read(self, box: str, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield the letters of a box that are numbered above `after`, in order."""
        self._require()
        number = after + 1
        while (path := self._letter(box, number)).exists():
            with path.open("rb") as file:
                yield number, file.read(LONGEST)
            number += 1

    def put(self, digest: str, content: Path) -> None:
        """Store a file under its SHA-256 in the own box."""
        path = self._object(self._own, digest)
        if not path.exists():
            durable.write_whole(path, _blocks(content))

    def fetch(self, box: str, digest: str, path: Path, *, most: int) -> None:
        """Copy an object to `path`, going on after what an earlier copy left."""
        self._require()
        source, part = self._object(box, digest), path.with_name(f"{path.name}.part")
        if not source.exists():
            raise _missing(digest, "is not there")
        if source.stat().st_size > most:
            raise _missing(digest, f"is larger than {most:,} bytes")
        done = part.stat().st_size if part.exists() else 0
        with source.open("rb") as come, part.open("ab") as go:
            come.seek(done)
            while block := come.read(BLOCK):
                go.write(block)
            go.flush()
            os.fsync(go.fileno())
        found = sha256()
        for block in _blocks(part):
            found.update(block)
        if found.hexdigest() != digest:
            part.unlink()
            raise _missing(digest, "has other bytes than its name says")
        part.replace(path)
        durable.sync_folder(path.parent)

    def close(self) -> None:
        """Do nothing: a folder is not held."""

    def _letter(self, box: str, number: int) -> Path:
        return self._folder / box / "letters" / f"{number:09d}.json"

    def _object(self, box: str, digest: str) -> Path:
        return self._folder / box / "objects" / digest

    def _require(self) -> None:
        if not self._folder.is_dir():
            raise EngineFailed(
                f"the shared folder {self._folder} is not there",
                why="letters and artifacts are carried in it",
                remedy="mount it, and give the same command again",
            )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            yield block


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a letter cannot be posted: {found}",
        why="a box is one sequence of letters, written by one institution",
        remedy="check that no other copy of this institution's folder is in use",
    )


def _missing(digest: str, found: str) -> BadArtifact:
    return BadArtifact(
        f"object {digest[:12]}… {found}",
        why="an artifact is what its signed hash says, or it is not used",
        remedy="ask its maker to offer it again",
    )
