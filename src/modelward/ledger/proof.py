"""One entry, shown to be in a ledger, in one small text file.

Implements C2SP tlog-proof (c2sp.org/tlog-proof): index, inclusion path, and the checkpoint
that the site signed, with whatever cosignatures it has. The `extra` line, which the format
leaves to the application, holds the entry itself, so that the file needs nothing beside it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelward.core.canonical import Json
from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, cosignature, entry, merkle, note
from modelward.ledger.cosignature import Witnessed
from modelward.ledger.note import VerifierKey

FIRST_LINE = "c2sp.org/tlog-proof@v1"

MAX_BYTES = 2**18
"""More is refused unread; the longest entry takes a third of it."""

MAX_STEPS = 63
"""Steps in a path: as many levels as a tree can have (C2SP tlog-witness)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A claim that an entry is in a ledger.

    Attributes:
        index: Its place, from 0.
        path: Audit path, leaf to root, 32 bytes each.
        signed: Note of the checkpoint.
        line: The entry's line, without its newline.
    """

    index: int
    path: tuple[bytes, ...]
    signed: bytes
    line: bytes

    def encode(self) -> bytes:
        """Return the file."""
        lines = [
            FIRST_LINE,
            f"extra {base64.b64encode(self.line).decode()}",
            f"index {self.index}",
            *hash_lines(self.path),
        ]
        return "\n".join([*lines, "", ""]).encode() + self.signed


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows.

    Attributes:
        entry: The entry.
        witnessed: The checkpoint it is under, and who else saw that.
    """

    entry: Mapping[str, Json]
    witnessed: Witnessed


def parse(raw: bytes) -> Proof:
    """Read what `Proof.encode` writes.

    Raises:
        LedgerBroken: For any other spelling.
    """
    if len(raw) > MAX_BYTES:
        raise _malformed(f"{len(raw):,} bytes are more than {MAX_BYTES:,}")
    head, divider, signed = raw.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise _malformed("its first part is not ASCII") from error
    if not divider or len(lines) < 3 or lines[0] != FIRST_LINE:  # noqa: PLR2004 - as below
        raise _malformed(f"it does not start with {FIRST_LINE}, extra and index")
    line = note.decode_base64(lines[1].removeprefix("extra "))
    index = lines[2].removeprefix("index ")
    if line is None or not checkpoint.is_count(index):
        raise _malformed("extra or index cannot be read")
    found = Proof(int(index), parse_hashes(lines[3:]), signed, line)
    if found.encode() != raw:
        raise _malformed("it is spelled in another way than the format says")
    return found


def verify(
    proof: Proof, log: VerifierKey, witnesses: Sequence[VerifierKey] = (), *, need: int = 0
) -> Proven:
    """Check that the entry is in the ledger that `log` signed and `need` witnesses saw.

    Raises:
        LedgerBroken: If a signature, the path or the entry does not hold.
    """
    found = cosignature.verify(proof.signed, log, witnesses, need=need)
    merkle.verify_inclusion(
        merkle.leaf_hash(proof.line),
        index=proof.index,
        size=found.checkpoint.size,
        path=proof.path,
        expected=found.checkpoint.root,
    )
    said = entry.decode(proof.line + b"\n")
    if said["seq"] != proof.index:
        raise _malformed(f"entry {said['seq']} stands at place {proof.index}")
    return Proven(said, found)


def hash_lines(path: Sequence[bytes]) -> list[str]:
    """Return hashes as text, one a line."""
    return [base64.b64encode(step).decode() for step in path]


def parse_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Read what `hash_lines` writes.

    Raises:
        LedgerBroken: If one is not the base64 of 32 bytes, or if there are too many.
    """
    path = [note.decode_base64(line) for line in lines[: MAX_STEPS + 1]]
    if len(path) > MAX_STEPS or any(step is None or len(step) != 32 for step in path):  # noqa: PLR2004 - SHA-256
        raise _malformed(f"its path is not at most {MAX_STEPS} hashes of 32 bytes")
    return tuple(step for step in path if step is not None)


def _malformed(what: str) -> LedgerBroken:
    return LedgerBroken(
        f"these bytes are not a proof: {what}",
        why="a proof has exactly one spelling (C2SP tlog-proof, docs/formats/ledger.md)",
        remedy="make it again at the site: modelward ledger prove LEDGER --entry N",
    )
