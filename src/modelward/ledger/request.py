"""What a site sends to a witness: the size it last heard of, a proof, a checkpoint.

Implements the body of `add-checkpoint` of C2SP tlog-witness (c2sp.org/tlog-witness): the
line `old N`, the consistency path one hash a line, an empty line, the checkpoint's note.
"""

from dataclasses import dataclass

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, note
from modelward.ledger.log import Ledger
from modelward.ledger.proof import hash_lines, parse_hashes

MAX_BYTES = 2**16
"""More is refused unread: 63 hashes and a note of 100 signatures take a third of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """Please cosign this checkpoint.

    Attributes:
        old: Size that the witness cosigned last, as far as the site knows; 0 at first.
        path: Consistency path from that size; empty for 0.
        signed: Note of the checkpoint.
    """

    old: int
    path: tuple[bytes, ...]
    signed: bytes

    @property
    def origin(self) -> str:
        """Name of the ledger; "" if the checkpoint is none. Its signature is not checked."""
        try:
            return checkpoint.parse(note.split(self.signed)[0]).origin
        except LedgerBroken:
            return ""

    def encode(self) -> bytes:
        """Return the bytes to send."""
        lines = [f"old {self.old}", *hash_lines(self.path), "", ""]
        return "\n".join(lines).encode() + self.signed


def request(ledger: Ledger, old: int) -> Request:
    """Return the request for everything `ledger` holds, proven from `old` entries on.

    Raises:
        LedgerBroken: If the witness has seen more entries than there are: this ledger was
            rolled back.
    """
    return Request(old, ledger.tree.consistency_path(old), ledger.checkpoint)


def parse(raw: bytes) -> Request:
    """Read what `Request.encode` writes.

    Raises:
        LedgerBroken: For any other spelling.
    """
    if len(raw) > MAX_BYTES:
        raise _malformed(f"{len(raw):,} bytes are more than {MAX_BYTES:,}")
    head, divider, signed = raw.partition(b"\n\n")
    try:
        first, *hashes = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise _malformed("its first part is not ASCII") from error
    old = first.removeprefix("old ")
    if not divider or not checkpoint.is_count(old):
        raise _malformed("it does not start with the line `old N`")
    found = Request(int(old), parse_hashes(hashes), signed)
    if found.encode() != raw:
        raise _malformed("it is spelled in another way than the format says")
    return found


def _malformed(what: str) -> LedgerBroken:
    return LedgerBroken(
        f"these bytes are not a request to a witness: {what}",
        why="a request has exactly one spelling (C2SP tlog-witness)",
        remedy="send old size, consistency path and checkpoint (docs/formats/cosignature.md)",
    )
