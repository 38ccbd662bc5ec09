"""What a witness says: at this time, this was the largest checkpoint I had seen.

Implements cosignature/v1 of C2SP tlog-cosignature (c2sp.org/tlog-cosignature): Ed25519 over
a header, a time in POSIX seconds, and the body of the checkpoint, put as one more signature
line under the checkpoint's note. Signature type 0x04, so that one key can sign its own
ledger and cosign those of others without either passing for the other.

The format only. When a witness may say this is witness.py's business.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, note
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.note import Signature, Signer, VerifierKey

_TIME = struct.Struct(">Q")
_LAST_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z, what a datetime can hold


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint and who cosigned it.

    Attributes:
        checkpoint: What the log signed.
        times: Name of each witness whose cosignature holds, and when it said so (UTC).
    """

    checkpoint: Checkpoint
    times: dict[str, datetime]


def cosign(signed: bytes, signer: Signer, now: datetime) -> bytes:
    """Return the cosignature line of `signer` for the checkpoint note `signed`.

    The caller has made sure that the checkpoint extends everything the witness has seen.

    Raises:
        LedgerBroken: If `signed` is not the note of a checkpoint, or `now` is before 1970.
    """
    body, _ = note.split(signed)
    checkpoint.parse(body)
    seconds = int(now.timestamp())
    if not 0 <= seconds <= _LAST_TIME:
        raise _refuse(f"the witness's clock says {now.isoformat()}")
    raw = _TIME.pack(seconds) + signer.private.sign(_message(seconds, body))
    return Signature(signer.name, signer.key.cosigner.id, raw).line.encode()


def attach(signed: bytes, *lines: bytes) -> bytes:
    """Return the note with `lines` under it; a newer line of a key replaces the older one.

    Raises:
        LedgerBroken: If one of them is not a signature line.
    """
    body, present = note.split(signed)
    newer = [found for line in lines for found in note.split(body.encode() + b"\n" + line)[1]]
    replaced = {(each.name, each.key_id) for each in newer}
    kept = [each for each in present if (each.name, each.key_id) not in replaced]
    return (body + "\n" + "".join(each.line for each in [*kept, *newer])).encode()


def cosigned_at(signed: bytes, witness: VerifierKey) -> datetime | None:
    """Return when `witness` cosigned the note, or None if it did not.

    Args:
        signed: A signed note.
        witness: Its key, of either type.

    Raises:
        LedgerBroken: If these bytes are not a note, or a line that claims to be by
            `witness` does not verify.
    """
    body, signatures = note.split(signed)
    key = witness.cosigner
    times = [_verified(each.raw, body, key) for each in signatures if each.claims(key)]
    return max(times, default=None)


def verify(
    signed: bytes, log: VerifierKey, witnesses: Sequence[VerifierKey], *, need: int
) -> Witnessed:
    """Check that the log signed a checkpoint and `need` of `witnesses` cosigned it.

    Args:
        signed: The note.
        log: The log's key; its own cosignature counts for nothing.
        witnesses: Pinned keys, of either type, each witness once.
        need: At least how many of them.

    Raises:
        LedgerBroken: If a signature does not hold, or too few are there.
    """
    found = checkpoint.read(signed, log)
    pinned = distinct(log, witnesses)
    times = {key.name: time for key in pinned if (time := cosigned_at(signed, key))}
    if len(times) < need:
        raise LedgerBroken(
            f"{len(times)} of {len(pinned)} witnesses cosigned the checkpoint of"
            f" {found.size} entries, {need} are needed",
            why="only what others saw as well cannot be shown differently to each of them",
            remedy="ask the site for the checkpoint that its witnesses cosigned, or ask a"
            " witness what it saw last",
        )
    return Witnessed(found, times)


def distinct(log: VerifierKey, witnesses: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return the cosigner keys of `witnesses`, each of another party than the log.

    Raises:
        LedgerBroken: If a key or a name is there twice, or is the log's own.
    """
    pinned = tuple(key.cosigner for key in witnesses)
    publics = {log.public, *(key.public for key in pinned)}
    names = {log.name, *(key.name for key in pinned)}
    if len(publics) != len(pinned) + 1 or len(names) != len(pinned) + 1:
        raise LedgerBroken(
            "the witnesses are not distinct from each other and from the ledger",
            why="a party that is counted twice would make one opinion look like two",
            remedy="list each witness once, and never the site whose ledger it is",
        )
    return pinned


def _verified(raw: bytes, body: str, key: VerifierKey) -> datetime:
    """Return the time of one cosignature after checking it."""
    if len(raw) > _TIME.size:
        (seconds,) = _TIME.unpack_from(raw)
        if seconds <= _LAST_TIME and key.check(raw[_TIME.size :], _message(seconds, body)):
            return datetime.fromtimestamp(seconds, UTC)
    raise _refuse(f"a cosignature by {key.name} does not fit its checkpoint")


def _message(seconds: int, body: str) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()


def _refuse(what: str) -> LedgerBroken:
    return LedgerBroken(
        what,
        why="a cosignature covers time and checkpoint (docs/formats/cosignature.md)",
        remedy="ask the witness for its cosignature again; if it fails again, it was changed",
    )
