"""The ledger of one site: a folder that only grows, signed after every append.

    entries.jsonl   one canonical JSON entry a line (entry.py)
    checkpoints     every signed checkpoint, oldest first (checkpoint.py)
    witnessed       the last checkpoint that witnesses cosigned (witnessed.py)
    witnesses       the keys of those witnesses, as the site pinned them
    key.pub         the verifier key, for those who have no better source (note.py)

Commit order: entries on disk, then the checkpoint on disk, then the append returns. So an
entry that was acknowledged is under a checkpoint, and opening can tell what a crash left
unfinished (never acknowledged: finished or cut off) from what was edited (refused).

Who reads a ledger without its private key uses verify.py. Source: docs/formats/ledger.md.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.core.canonical import Json
from modelward.durable import make_folder, write_whole
from modelward.errors import LedgerBroken, StorageError
from modelward.ledger import checkpoint, entry
from modelward.ledger.appendfile import AppendFile
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.index import Index
from modelward.ledger.merkle import leaf_hash
from modelward.ledger.note import Signer, VerifierKey
from modelward.ledger.shape import Shapes
from modelward.ledger.tree import Tree

ENTRIES = "entries.jsonl"
CHECKPOINTS = "checkpoints"
KEY = "key.pub"

Clock = Callable[[], datetime]
"""Gives the current time, with a time zone."""


class Ledger:
    """An open ledger; get one from `Ledger.open`, close it or use it in a `with` block.

    One process at a time holds a ledger (flock); within it, use it from one thread at a
    time. A forked child does not inherit it (appendfile.py).

    Attributes:
        folder: Where it lies.
        tree: The tree over all entries, to prove from; only the ledger grows it.
        halted: Says why nothing may be appended now, or ""; circle.py sets it.
    """

    def __init__(self, folder: Path, signer: Signer, clock: Clock) -> None:
        self.folder = folder
        self._entries = AppendFile(folder / ENTRIES)
        self._checkpoints = AppendFile(folder / CHECKPOINTS)
        self._signer = signer
        self._clock = clock
        self.tree = Tree()
        self._salt = sha256(signer.private.sign(b"modelward ledger salts")).digest()
        self._latest_note = b""
        self._shapes = Shapes()
        self._index = Index(self._entries)
        self._usable = False
        self.halted: Callable[[], str] = lambda: ""

    @classmethod
    def open(
        cls, folder: Path, *, origin: str, private_key: Ed25519PrivateKey, clock: Clock
    ) -> Self:
        """Create the ledger in `folder`, or open it again and repair what a crash left.

        The whole tree is hashed again and held against the last checkpoint. A line that
        was not written to its end is cut off, and entries that are whole but not yet
        under a checkpoint get one: neither was acknowledged to anybody.

        Args:
            folder: Where the ledger lies; created with its parents.
            origin: The site's name, such as `modelward/cleveland`: no spaces, no `+`.
            private_key: Signs the checkpoints; the same one each time.
            clock: Dates the entries.

        Raises:
            LedgerBroken: If the folder holds another site's ledger, fewer entries than
                were signed, or other ones.
            StorageError: If the folder cannot be written or another process holds it.
        """
        signer = Signer(origin, private_key)
        try:
            make_folder(folder)
            ledger = cls(folder, signer, clock)
            try:
                ledger._lock()
                ledger._load()
                ledger._publish(folder / KEY)
            except BaseException:
                ledger.close()
                raise
        except OSError as error:
            raise StorageError(
                f"the ledger in {folder} cannot be opened: {error.strerror}",
                why="a site that cannot record must not release",
                remedy="check that the folder exists, is writable and has space",
            ) from error
        return ledger

    def append(self, fields: Mapping[str, Json]) -> Mapping[str, Json]:
        """Record one entry; see `append_all`."""
        return self.append_all([fields])[0]

    def append_all(self, batch: Sequence[Mapping[str, Json]]) -> tuple[Mapping[str, Json], ...]:
        """Record `batch` in order, on disk and under one signed checkpoint.

        Args:
            batch: Fields of each entry, without `seq` and `time`.

        Returns:
            The entries as recorded, with `seq` (from 0) and `time` (UTC).

        Raises:
            BadArtifact: If an entry has no canonical form or a reserved field; nothing of
                the batch is recorded.
            StorageError: If the disk does not take it; nothing of the batch is recorded,
                and appending again works once the disk does.
        """
        if not batch:
            return ()
        self._check_usable()
        time = entry.stamp(self._clock())
        recorded = tuple(
            entry.complete(fields, seq=seq, time=time, salt=entry.salt(self._salt, seq))
            for seq, fields in enumerate(batch, start=self.size)
        )
        lines = [entry.encode(each, self._shapes.seq) for each in recorded]

        self._usable = False  # until memory and disk agree again
        before, size = self._entries.size, self.size
        for line in lines:
            self.tree.append(leaf_hash(line))
        try:
            self._entries.append(b"".join(line + b"\n" for line in lines))
            self._sign()
        except StorageError:
            self.tree.cut(size)
            self._entries.cut(before)
            self._usable = True
            raise
        start = before
        for each, line in zip(recorded, lines, strict=True):
            self._index.add(each, start)
            start += len(line) + 1
        self._usable = True
        return recorded

    def find(self, task: str) -> Mapping[str, Json] | None:
        """Return the last entry whose field `task` is `task`, or None.

        It is how a site that is asked again after a crash gives the answer it gave.
        """
        seq = self._index.latest(task)
        return None if seq is None else self._index.read(seq)

    def __iter__(self) -> Iterator[Mapping[str, Json]]:
        """Yield the entries in order, those appended meanwhile included."""
        seq = 0
        while seq < len(self._index):
            yield self._index.read(seq)
            seq += 1

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.tree.size

    @property
    def last(self) -> Mapping[str, Json] | None:
        """The latest entry; None of an empty ledger."""
        return self._index.read(self.size - 1) if self.size else None

    @property
    def root(self) -> bytes:
        """Root of the tree over all entries, 32 bytes."""
        return self.tree.root

    @property
    def checkpoint(self) -> bytes:
        """The signed note over all entries."""
        return self._latest_note

    @property
    def key(self) -> VerifierKey:
        """What others need to verify this ledger."""
        return self._signer.key

    def close(self) -> None:
        """Let go of the files and the lock; a second call does nothing."""
        self._usable = False
        self._entries.unlock()
        self._entries.close()
        self._checkpoints.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lock(self) -> None:
        if not self._entries.lock():
            raise StorageError(
                f"the ledger in {self.folder} is held by another process",
                why="two writers would number their entries alike",
                remedy="a node or a run that uses this folder is up already (`modelward site"
                " status`); to start another, stop that one first",
            )

    def _publish(self, path: Path) -> None:
        line = f"{self._signer.key.text}\n".encode()
        if not path.exists() or path.read_bytes() != line:
            write_whole(path, line)

    def _load(self) -> None:
        """Read both files, check them against each other, repair the unacknowledged tail."""
        raw = self._checkpoints.read(0, self._checkpoints.size)
        notes, whole = checkpoint.split_history(raw)
        signed = Checkpoint(self._signer.name, 0, self.root)
        if notes:
            signed = checkpoint.read(notes[-1], self._signer.key)
        elif self._entries.size:
            raise LedgerBroken(
                f"{self._entries.path} has entries, but no checkpoint was ever signed",
                why="a ledger signs its first checkpoint before it takes an entry",
                remedy="put the checkpoints file back, or start a ledger in another folder",
            )
        end = self._read_entries(signed)
        if whole < self._checkpoints.size:
            self._checkpoints.cut(whole)
        if end < self._entries.size:
            self._entries.cut(end)
        if not notes or self.size > signed.size:
            os.fsync(self._entries.fd)
            self._sign()
        else:
            self._latest_note = notes[-1]
        self._usable = True

    def _read_entries(self, signed: Checkpoint) -> int:
        """Take in every entry under `signed`, then whole ones after it; return their bytes."""
        end = 0
        for line in self._entries.lines():
            if self.size == signed.size:
                self._check_root(signed)
            if not line.endswith(b"\n"):
                break
            if self.size >= signed.size and not entry.is_number(self.size, line):
                break
            self._index.add(entry.glance(line), end)
            self.tree.append(leaf_hash(line[:-1]))
            end += len(line)
        self._check_root(signed)
        return end

    def _check_root(self, signed: Checkpoint) -> None:
        if self.size < signed.size or (self.size == signed.size and self.root != signed.root):
            raise LedgerBroken(
                f"{self._entries.path} is not the {signed.size} entries that were signed",
                why="signed entries are never changed or removed",
                remedy="run `modelward ledger verify` on the folder to find the place, and"
                " restore the ledger from a copy",
            )

    def _sign(self) -> None:
        """Put a signed checkpoint over the tree on disk."""
        signed = checkpoint.sign(
            Checkpoint(self._signer.name, self.size, self.root), self._signer
        )
        self._checkpoints.append(signed + b"\n")
        self._latest_note = signed

    def _check_usable(self) -> None:
        why = self.halted()
        if why:
            raise StorageError(
                f"nothing is appended to the ledger of {self._signer.name}: {why}",
                why="what is written after a rollback would be a second history",
                remedy="restore the newest copy of the ledger; a named person then settles the"
                " alarm: modelward site alarms SITE",
            )
        if not self._usable or self._entries.fd < 0:
            raise StorageError(
                f"the ledger of {self._signer.name} is closed, or an append was interrupted",
                why="what is on disk may not be what this process remembers",
                remedy="open the ledger again: it checks and repairs itself",
            )
