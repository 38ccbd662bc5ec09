"""What a site states about its ledger: so many entries, this root, signed.

Implements the body of C2SP tlog-checkpoint (c2sp.org/tlog-checkpoint) without extension
lines, inside a signed note (note.py). The origin is also the name of the signing key.

A history is every checkpoint a ledger ever signed, oldest first, each note followed by one
empty line. That line also shows that the note was written to its end.
"""

import base64
from dataclasses import dataclass

from modelward.errors import LedgerBroken
from modelward.ledger import note
from modelward.ledger.note import Signer, VerifierKey

_ROOT_BYTES = 32
_BODY_LINES = 3
_SIZE_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of one ledger at one moment.

    Attributes:
        origin: Name of the ledger, the site's, such as `modelward/cleveland`.
        size: Number of entries, at least 0.
        root: Root of the tree over them (merkle.py), 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The three lines that are signed."""
        encoded = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{encoded}\n"


def parse(body: str) -> Checkpoint:
    """Read what `Checkpoint.body` writes: origin, size in decimal, root in base64.

    Raises:
        LedgerBroken: For any other spelling, such as extension lines or leading zeros.
    """
    lines = body.split("\n")
    if len(lines) == _BODY_LINES + 1:
        origin, size, encoded, _ = lines
        root = note.decode_base64(encoded)
        if is_count(size) and root is not None and len(root) == _ROOT_BYTES:
            found = Checkpoint(origin, int(size), root)
            if found.body == body:
                return found
    raise LedgerBroken(
        f"not the body of a checkpoint: {body[:120]!r}",
        why="it is three lines: origin, size, base64 root (docs/formats/ledger.md)",
        remedy="fetch the checkpoint again; it was cut, damaged or edited",
    )


def sign(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """Return the signed note of `checkpoint`."""
    return note.sign(checkpoint.body, signer)


def read(signed: bytes, key: VerifierKey) -> Checkpoint:
    """Return the checkpoint of a note that `key` signed.

    Raises:
        LedgerBroken: If signature or form do not hold, or the origin is not the key's name.
    """
    found = parse(note.verify(signed, key))
    if found.origin != key.name:
        raise LedgerBroken(
            f"a checkpoint of {found.origin[:80]!r} is signed by {key.name!r}",
            why="a ledger is signed by the key of its own name, so that logs are not mixed up",
            remedy="ask for the checkpoint of the right site, or for the right key",
        )
    return found


def split_history(raw: bytes) -> tuple[list[bytes], int]:
    """Return the complete notes of a history and the number of bytes they take.

    What follows those bytes is a checkpoint that was never written to its end.
    """
    parts = raw.split(b"\n\n")[:-1]
    notes = [
        text + b"\n\n" + signatures + b"\n"
        for text, signatures in zip(parts[::2], parts[1::2], strict=False)
    ]
    return notes, sum(len(each) + 1 for each in notes)


def read_history(raw: bytes, key: VerifierKey) -> list[Checkpoint]:
    """Return every checkpoint of a history, each verified, sizes strictly growing.

    Raises:
        LedgerBroken: Naming the first checkpoint, counted from 1, that does not hold.
    """
    notes, whole = split_history(raw)
    if not notes or whole != len(raw):
        raise LedgerBroken(
            f"the checkpoint history is cut off after {len(notes)} checkpoints",
            why="every checkpoint ends with an empty line (docs/formats/ledger.md)",
            remedy="ask the site for the whole file; opening the ledger at the site repairs"
            " a write that a crash cut off",
        )
    history: list[Checkpoint] = []
    for number, signed in enumerate(notes, start=1):
        try:
            found = read(signed, key)
        except LedgerBroken as error:
            raise LedgerBroken(
                f"checkpoint {number} does not hold: {error.what}",
                why=error.why,
                remedy=error.remedy,
            ) from error
        if history and found.size <= history[-1].size:
            raise LedgerBroken(
                f"checkpoint {number} has {found.size} entries after one of {history[-1].size}",
                why="a ledger only grows; its checkpoints are never repeated or reordered",
                remedy="ask the site which history is its own, and tell its peers",
            )
        history.append(found)
    return history


def is_count(text: str) -> bool:
    """Return whether `text` is digits, few enough to be read as a number of entries."""
    return text.isascii() and text.isdigit() and len(text) <= _SIZE_DIGITS
