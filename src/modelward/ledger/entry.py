"""One line of the ledger: a canonical JSON table with `seq`, `time` and `salt`.

Form: RFC 8785 bytes, no newline inside, so one entry is one line. `seq` counts from 0 and
is the leaf index in the tree; `time` is RFC 3339 in UTC with whole seconds. `salt` is what
nobody outside can guess: witnesses see hashes of entries, and an entry such as a refusal
could otherwise be found by trying. What else an entry says is in kinds.py.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from modelward.core.canonical import (
    MAX_DEPTH,
    Json,
    canonical_bytes,
    is_too_deep,
    parse_strict,
)
from modelward.errors import BadArtifact, LedgerBroken

RESERVED = ("seq", "time", "salt")
"""Fields that the ledger sets; a caller may not."""

MAX_BYTES = 65_535
"""Longest entry: C2SP tlog-tiles writes the length of an entry in 16 bits."""


def stamp(now: datetime) -> str:
    """Return `now` as `2026-11-20T09:30:00Z`.

    Raises:
        BadArtifact: If `now` has no time zone.
    """
    if now.tzinfo is None:
        raise BadArtifact(
            f"the clock gave {now.isoformat()} without a time zone",
            why="entries of hospitals in several countries are compared in UTC",
            remedy="pass a clock such as lambda: datetime.now(UTC)",
        )
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def complete(fields: Mapping[str, Json], *, seq: int, time: str, salt: str) -> dict[str, Json]:
    """Return `fields` with what the ledger adds.

    Raises:
        BadArtifact: If `fields` already has one of them.
    """
    taken = [name for name in RESERVED if name in fields]
    if taken:
        raise BadArtifact(
            f"an entry came with its own {' and '.join(taken)}",
            why="the ledger numbers, dates and salts its entries itself",
            remedy="give the field another name",
        )
    return {**fields, "seq": seq, "time": time, "salt": salt}


def salt(secret: bytes, seq: int) -> str:
    """Return the salt of entry `seq`: 128 bits of HMAC-SHA256 under `secret`, as hex.

    Who is shown one entry learns nothing about the salt of another.
    """
    return hmac.digest(secret, b"modelward ledger salt %d" % seq, "sha256")[:16].hex()


def encode(entry: Mapping[str, Json], read: Callable[[bytes], object] | None = None) -> bytes:
    """Return the line of `entry`, without the newline: these bytes are the leaf.

    Args:
        entry: A complete entry.
        read: What must be able to read the line back: `decode`, or shape.py's quicker way.

    Raises:
        BadArtifact: If the entry has no canonical form, or one that does not read back:
            1e16 is written as an integer, and integers end at 2^53 - 1. Also if it is
            longer than `MAX_BYTES`.
    """
    line = canonical_bytes(entry)
    try:
        (read or decode)(line + b"\n")
    except LedgerBroken as error:
        raise BadArtifact(
            f"an entry would not read back: {error.what}",
            why="what is signed must be readable by everybody who verifies it",
            remedy="keep whole numbers within 2^53 - 1, or write them as text; keep it short",
        ) from error
    return line


def decode(line: bytes) -> dict[str, Json]:
    """Read one line, with its newline.

    Raises:
        LedgerBroken: Unless it is the canonical form of a table with an integer `seq`.
    """
    if not line.endswith(b"\n"):
        raise _unreadable("it has no end")
    line = line[:-1]
    if len(line) > MAX_BYTES:
        raise _unreadable(f"it has {len(line):,} bytes, at most {MAX_BYTES:,} are allowed")
    try:
        entry = parse_strict(line, what="ledger entry")
        spelled = canonical_bytes(entry)
    except BadArtifact as error:
        raise _unreadable(error.what) from error
    if not isinstance(entry, dict) or type(entry.get("seq")) is not int:
        raise _unreadable("it is not a table with an integer seq")
    if spelled != line:
        raise _unreadable("it is not in canonical form (RFC 8785)")
    return entry


def glance(line: bytes) -> Mapping[str, Json]:
    """Read a line without checking its form; an empty table when that is impossible.

    For lines whose hash is checked elsewhere, where the full check would cost five times
    as much, and for telling where a misplaced entry went.
    """
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    deep = line.count(b"[") + line.count(b"{") > MAX_DEPTH and is_too_deep(entry)
    return entry if isinstance(entry, dict) and not deep else {}


def _unreadable(what: str) -> LedgerBroken:
    return LedgerBroken(
        f"the line is not a ledger entry: {what}",
        why="an entry has exactly one spelling (docs/formats/ledger.md)",
        remedy="compare the line with a copy of the ledger that somebody else holds",
    )


def is_number(seq: int, line: bytes) -> bool:
    """Tell whether `line` is a whole entry with this number, counted from 0."""
    try:
        return decode(line)["seq"] == seq
    except LedgerBroken:
        return False
