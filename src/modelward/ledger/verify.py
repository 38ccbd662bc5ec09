"""Check a ledger with nothing but its folder and a public key.

Every checkpoint must be signed by the key, and the tree over the first `size` entries must
have its root; every entry must be well formed, in its place and under a checkpoint. The
first entry that does not hold is named. Entries that share a checkpoint are told apart by
their form only: an edit that keeps the form is located to the batch it was signed with.

What this cannot see: a ledger cut back to an older state *together with* its checkpoints.
For that, hand in `held`, a checkpoint that somebody else kept, best one with cosignatures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from errno import ENOENT
from itertools import islice
from os import PathLike, strerror
from pathlib import Path

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, cosignature, entry
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.cosignature import Witnessed
from modelward.ledger.log import CHECKPOINTS, ENTRIES, KEY
from modelward.ledger.merkle import Frontier, leaf_hash
from modelward.ledger.note import VerifierKey
from modelward.ledger.shape import Shapes
from modelward.ledger.witnessed import asked, kept

_BLOCK = 1024  # lines that are read and hashed together
_EDITED = "an entry never changes once a checkpoint over it is signed"
_COMPARE = "compare with a copy of the ledger, and ask the site what happened there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What holds about a ledger.

    Attributes:
        origin: Name of the ledger and of the key that signed it.
        entries: Number of entries, all of them under a checkpoint.
        root: Root of the tree over them, 32 bytes.
        checkpoints: Number of signed checkpoints.
        key: The verifier key that was used.
        key_from_ledger: True when the key was taken from the folder itself: then this
            shows that the ledger is consistent, not who wrote it.
        witnessed: What witnesses cosigned of it, when that was asked for, or when the
            folder names its witnesses.
        asked: Number of witnesses that were asked; 0 if none are known.
        witnesses_from_ledger: True when their keys were taken from the folder itself.
    """

    origin: str
    entries: int
    root: bytes
    checkpoints: int
    key: str
    key_from_ledger: bool
    witnessed: Witnessed | None = None
    asked: int = 0
    witnesses_from_ledger: bool = False


def verify(
    place: str | PathLike[str],
    public_key: str | Path | None = None,
    *,
    held: bytes | None = None,
    witnesses: Sequence[VerifierKey] = (),
    need: int | None = None,
) -> Verified:
    """Check every entry and every checkpoint of a ledger.

    Args:
        place: The ledger's folder, or its `entries.jsonl`.
        public_key: Verifier key (`name+keyid+base64`) or a file that holds one; without
            it, the folder's own `key.pub` is used and the result says so.
        held: A checkpoint of this ledger, as its signed note, that was kept elsewhere.
        witnesses: Pinned keys of those who must have cosigned `held`, or without it the
            checkpoint that the folder keeps (witnessed.py). Without them, the keys that
            the folder names are used, if it names any, and the result says so.
        need: How many of them: all if None, and none of those that the folder names.

    Raises:
        LedgerBroken: Naming the first entry or checkpoint that does not hold, or saying
            that too few witnesses cosigned.
    """
    place = Path(place)
    if not place.exists():
        raise _unreadable(place, FileNotFoundError(ENOENT, strerror(ENOENT)))
    folder = place if place.is_dir() else place.parent
    entries = folder / ENTRIES if place.is_dir() else place
    key = read_key(folder / KEY if public_key is None else public_key)
    history = checkpoint.read_history(_read(folder / CHECKPOINTS), key)
    head = _check_entries(entries, history)
    named = () if witnesses or held is not None else asked(folder)
    pinned = tuple(witnesses) or named
    wanted = 0 if named and need is None else len(pinned) if need is None else need
    elsewhere = kept(folder) if held is None and pinned else held
    witnessed = None
    if elsewhere is not None:
        witnessed = cosignature.verify(elsewhere, key, pinned, need=wanted)
        _check_held(witnessed.checkpoint, entries, history[-1])
    elif witnesses:
        raise LedgerBroken(
            f"{folder} keeps no checkpoint that witnesses cosigned",
            why="without one, nobody but the site says that this is the whole ledger",
            remedy="ask a witness for the checkpoint it saw last, and give it as held",
        )
    return Verified(
        origin=key.name,
        entries=head.size,
        root=head.root,
        checkpoints=len(history),
        key=key.text,
        key_from_ledger=public_key is None,
        witnessed=witnessed if pinned else None,
        asked=len(pinned),
        witnesses_from_ledger=bool(named),
    )


def _check_entries(path: Path, history: list[Checkpoint]) -> Frontier:
    """Hold every entry against `history` and return the tree over all of them."""
    tree, good, shapes = Frontier(), 0, Shapes()
    lines = _lines(path)
    for signed in history:
        while tree.size < signed.size:
            block = list(islice(lines, min(_BLOCK, signed.size - tree.size)))
            tree.extend(_leaves(block, tree.size, shapes, path))
            if not block:
                raise _cut_off(path, tree.size, signed)
        if tree.root != signed.root:
            raise _mismatch(path, good, signed, history[-1])
        good = signed.size
    if next(lines, b""):
        raise LedgerBroken(
            f"line {good + 1} and what follows in {path} is under no checkpoint",
            why="an entry counts only when a signed checkpoint covers it",
            remedy="if the site is writing right now, verify again; after a crash it opens"
            " the ledger once; otherwise somebody without the key added these lines",
        )
    return tree


def _leaves(block: list[bytes], first: int, shapes: Shapes, path: Path) -> list[bytes]:
    """Return the leaf hashes of the lines of `block`, which must hold entries `first` on."""
    for seq, line in enumerate(block, start=first):
        try:
            found = shapes.seq(line)
        except LedgerBroken as error:
            raise LedgerBroken(
                f"entry {seq} was damaged, line {seq + 1} of {path}: {error.what}",
                why=_EDITED,
                remedy=_COMPARE,
            ) from error
        if found != seq:
            raise LedgerBroken(_misplaced(path, seq, found), why=_EDITED, remedy=_COMPARE)
    return [leaf_hash(line[:-1]) for line in block]


def _cut_off(path: Path, seq: int, signed: Checkpoint) -> LedgerBroken:
    return LedgerBroken(
        f"the tail is cut off from entry {seq} on: {path} ends after {seq} lines,"
        f" and {signed.size} were signed",
        why="a ledger only grows; signed entries are never removed",
        remedy=_COMPARE,
    )


def _misplaced(path: Path, seq: int, found: object) -> str:
    """Say why line `seq + 1` holds entry `found`; all lines before it were in order."""
    line = seq + 1
    later = [
        number
        for number, raw in enumerate(_lines(path), start=1)
        if number > line and entry.glance(raw).get("seq") == seq
    ]
    if isinstance(found, int) and 0 <= found < seq:
        return f"entry {seq} is not on its line: line {line} holds entry {found} again"
    if later:
        return (
            f"entry {seq} is out of order: line {line} holds entry {found},"
            f" and line {later[0]} holds entry {seq}"
        )
    return f"entry {seq} is missing: line {line} holds entry {found}"


def _mismatch(path: Path, good: int, signed: Checkpoint, last: Checkpoint) -> LedgerBroken:
    """Say why entries `good` to `signed.size - 1` do not hash to the signed root."""
    if signed != last and _root_over(path, last.size) == last.root:
        return LedgerBroken(
            f"the checkpoint of {signed.size} entries is of another history than the last one",
            why="one key signed two histories, which a ledger never does",
            remedy="ask the site why it signed twice, and tell its peers",
        )
    where = f"entry {good} (line {good + 1})"
    if signed.size - good > 1:
        where = (
            f"one of entries {good} to {signed.size - 1} (lines {good + 1} to {signed.size})"
        )
    return LedgerBroken(
        f"{where} of {path} was changed: the checkpoint of {signed.size} entries does not fit",
        why=_EDITED,
        remedy=_COMPARE,
    )


def _check_held(held: Checkpoint, path: Path, last: Checkpoint) -> None:
    """Hold a ledger that agrees with itself against a checkpoint kept elsewhere."""
    if held.size > last.size:
        raise LedgerBroken(
            f"the ledger ends at {last.size} entries, and the checkpoint you hold covers"
            f" {held.size}: its tail was cut off",
            why="a ledger only grows; signed entries are never removed",
            remedy=_COMPARE,
        )
    if _root_over(path, held.size) != held.root:
        raise LedgerBroken(
            f"the first {held.size} entries are not those of the checkpoint you hold",
            why="one key signed two histories, which a ledger never does",
            remedy="show both checkpoints to the site and to its peers",
        )


def _root_over(path: Path, size: int) -> bytes:
    """Return the root over the first `size` lines, whatever they hold."""
    tree = Frontier()
    for line in islice(_lines(path), size):
        tree.append(leaf_hash(line.removesuffix(b"\n")))
    return tree.root


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of `path`, each with its newline."""
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise _unreadable(path, error) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def read_key(source: str | Path) -> VerifierKey:
    """Return a verifier key given as text or as a file of one line.

    Raises:
        LedgerBroken: If it is neither.
    """
    if isinstance(source, str) and "+" in source and not Path(source).is_file():
        return VerifierKey.parse(source)
    raw = _read(Path(source))
    return VerifierKey.parse(raw.decode(errors="replace").removesuffix("\n"))


def _unreadable(path: Path, error: OSError) -> LedgerBroken:
    within = path.parent / "ledger"
    return LedgerBroken(
        f"{path} cannot be read: {error.strerror}",
        why=f"a ledger is the files {ENTRIES}, {CHECKPOINTS} and {KEY} in one folder",
        remedy=f"the ledger of this site is in {within}: give that folder"
        if (within / KEY).exists()
        else "give the folder of the ledger, and ask for the missing file",
    )
