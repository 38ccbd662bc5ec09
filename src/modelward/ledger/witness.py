"""A party that remembers what sites showed it, and cosigns only what extends that.

Implements the rules of `add-checkpoint` in C2SP tlog-witness: one latest checkpoint for each
origin, persisted before the cosignature is given. What goes beyond them: every checkpoint it
cosigned is kept, so a late copy of an old one is told from a ledger that was rolled back,
and what does not fit becomes an alarm with both checkpoints as evidence (alarm.py). While
an alarm stands, that origin gets no cosignature.

    FOLDER/seen             cosigned checkpoints of all origins, as a history (checkpoint.py)
    FOLDER/alarms/ID.json   alarms, until and after a person settles them

The first checkpoint of an origin is taken as it is, whatever its size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from modelward.durable import make_folder
from modelward.errors import LedgerBroken, StorageError
from modelward.ledger import checkpoint, cosignature, merkle
from modelward.ledger.alarm import Alarm, Alarms, FindingKind
from modelward.ledger.appendfile import AppendFile
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.note import Signer, VerifierKey
from modelward.ledger.request import Request


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The witness agrees; `line` goes under the checkpoint (cosignature.attach)."""

    line: bytes


@dataclass(frozen=True, slots=True)
class Behind:
    """The witness has cosigned `size` entries; ask again with a proof from there."""

    size: int


Verdict = Literal["new", "same", "behind"] | FindingKind


class _Seen:
    """What was cosigned for one origin, oldest first."""

    def __init__(self, notes: Sequence[bytes], key: VerifierKey) -> None:
        raw = b"".join(each + b"\n" for each in notes)
        history = checkpoint.read_history(raw, key) if notes else []
        self.notes = {state.size: each for state, each in zip(history, notes, strict=True)}
        self.states = {state.size: state for state in history}

    @property
    def size(self) -> int:
        """Entries of the last checkpoint, 0 if there is none."""
        return next(reversed(self.notes), 0)

    def add(self, state: Checkpoint, note: bytes) -> None:
        """Remember a cosigned checkpoint."""
        self.notes[state.size], self.states[state.size] = note, state


class Witness:
    """An open witness; get one from `Witness.open`, close it or use it in a `with` block."""

    def __init__(self, folder: Path, signer: Signer, clock: Callable[[], datetime]) -> None:
        self._lock = AppendFile(folder / "lock")
        self._file = AppendFile(folder / "seen")
        self._signer = signer
        self._clock = clock
        self._unread: dict[str, list[bytes]] = {}
        self._seen: dict[str, _Seen] = {}
        self.alarms = Alarms(folder / "alarms", clock)

    @classmethod
    def open(cls, folder: Path, *, signer: Signer, clock: Callable[[], datetime]) -> Self:
        """Create the witness in `folder`, or open it again.

        Raises:
            StorageError: If the folder cannot be written or another process holds it.
            LedgerBroken: If an alarm on disk cannot be read.
        """
        make_folder(folder / "alarms")
        witness = cls(folder, signer, clock)
        try:
            witness._take_lock(folder)
            witness._load()
        except BaseException:
            witness.close()
            raise
        return witness

    @property
    def key(self) -> VerifierKey:
        """What others need to verify the cosignatures."""
        return self._signer.key.cosigner

    def answer(self, request: Request, key: VerifierKey) -> Cosigned | Behind | Alarm:
        """Cosign the checkpoint of `request` if it extends what was cosigned before.

        What is cosigned is on disk when this returns. Several at once: `consider` each,
        then `sync` once before any answer is given away.

        Args:
            request: From the site.
            key: The site's pinned key.

        Raises:
            LedgerBroken, StorageError: As `consider` and `sync`.
        """
        found = self.consider(request, key)
        self.sync()
        return found

    def consider(self, request: Request, key: VerifierKey) -> Cosigned | Behind | Alarm:
        """Return the answer, which may be given away after `sync`.

        Args:
            request: From the site.
            key: The site's pinned key.

        Raises:
            LedgerBroken: If the checkpoint is not signed by `key`: evidence of nothing. Or
                if what is kept of this origin was signed by another key.
            StorageError: If the answer cannot be recorded; then none is given.
        """
        shown = checkpoint.read(request.signed, key)
        standing = self.alarms.standing(key.name)
        if standing:
            return standing
        seen = self._history(key)
        match judge(seen.states, request, shown):
            case "behind":
                return Behind(seen.size)
            case "new":
                line = self._line(request.signed)
                note = cosignature.attach(request.signed, line)
                self._file.write(note + b"\n")
                seen.add(shown, note)
                return Cosigned(line)
            case "same":
                return Cosigned(self._line(request.signed))
            case finding:
                held = seen.notes[shown.size if finding == "split" else seen.size]
                return self.alarms.raise_(finding, held, request.signed)

    def recall(self, key: VerifierKey) -> bytes | None:
        """Return the last checkpoint seen under `key`, cosigned now, or None.

        It is how a site that comes back from a crash or a backup learns what it once
        showed (witnessed.py).

        Raises:
            LedgerBroken: If what is kept of this origin was signed by another key.
        """
        seen = self._history(key)
        if not seen.notes:
            return None
        note = seen.notes[seen.size]
        return cosignature.attach(note, self._line(note))

    def sync(self) -> None:
        """Return when everything that was cosigned is on disk.

        Raises:
            StorageError: If the disk does not take it; what is not there is forgotten.
        """
        try:
            self._file.sync()
        except StorageError:
            self._load()
            raise

    def close(self) -> None:
        """Let go of the files and the lock; a second call does nothing."""
        self._seen.clear()
        self._file.close()
        self._lock.unlock()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_lock(self, folder: Path) -> None:
        if not self._lock.lock():
            raise StorageError(
                f"the witness in {folder} is held by another process",
                why="two of them could cosign two histories",
                remedy="stop the other node that uses this folder, then try again",
            )

    def _load(self) -> None:
        """Read what was cosigned; keys come later, and signatures are checked then."""
        notes, whole = checkpoint.split_history(self._file.read(0, self._file.size))
        if whole < self._file.size:
            self._file.cut(whole)  # a crash while writing: it was never answered
        self._seen.clear()
        self._unread.clear()
        for each in notes:
            origin = each.partition(b"\n")[0].decode(errors="replace")
            self._unread.setdefault(origin, []).append(each)

    def _history(self, key: VerifierKey) -> _Seen:
        if key.name not in self._seen:
            self._seen[key.name] = _Seen(self._unread.get(key.name, []), key)
        return self._seen[key.name]

    def _line(self, signed: bytes) -> bytes:
        return cosignature.cosign(signed, self._signer, self._clock())


def judge(seen: dict[int, Checkpoint], request: Request, shown: Checkpoint) -> Verdict:
    """Say what a checkpoint is to a witness that cosigned those in `seen`. Pure.

    Args:
        seen: By size, oldest first.
        request: What came with the checkpoint.
        shown: The checkpoint, its signature checked.

    Returns:
        `new` and to be cosigned, the `same` as the last, `behind` (the proof starts
        elsewhere, or it is a late copy of one seen before), or what is wrong with it.
    """
    if not seen:
        return "new" if request.old == 0 and not request.path else "behind"
    last = seen[next(reversed(seen))]
    known = seen.get(shown.size, shown)
    if known != shown:
        return "split"
    if shown == last:
        return "same"
    if shown.size < last.size and shown.size not in seen:
        return "rollback"
    if shown.size < last.size or request.old != last.size:
        return "behind"
    return "new" if _extends(last, shown, request.path) else "inconsistent"


def _extends(old: Checkpoint, new: Checkpoint, path: tuple[bytes, ...]) -> bool:
    """Return whether `path` shows that the tree `new` starts with the tree `old`."""
    try:
        merkle.verify_consistency((old.size, old.root), (new.size, new.root), path)
    except LedgerBroken:
        return False
    return True
