"""A site's side of witnessing: is my ledger still the one that I showed to others?

A ledger that is restored from a backup verifies, and so does one that somebody cut back
together with its checkpoints. But its witnesses saw more. So a site asks them when it
starts (`latest_from_witnesses`), and stops when they know entries that it does not have
(`confront`). The rule is a majority of the pinned witnesses: a checkpoint that a majority
cosigned is known to at least one of any other majority.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from modelward.durable import cannot_write
from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, cosignature
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.log import Ledger
from modelward.ledger.note import VerifierKey

WITNESSED = "witnessed"
"""File in the ledger's folder: the last checkpoint with its cosignatures, one note."""

WITNESSES = "witnesses"
"""File beside it: the keys of those who were asked, one a line."""


def latest_from_witnesses(
    replies: Sequence[bytes],
    log: VerifierKey,
    witnesses: Sequence[VerifierKey],
    *,
    since: datetime,
) -> Checkpoint:
    """Return the largest checkpoint of this ledger that its witnesses know of. Pure.

    Args:
        replies: What witnesses returned (`Witness.recall`), in any order.
        log: The ledger's own key. It signed every checkpoint, so one witness cannot invent
            a larger one.
        witnesses: All pinned witnesses, n of them.
        since: Cosignatures before this time do not count: whoever carries the replies could
            otherwise repeat old ones. The time of asking, less what clocks may differ by.

    Raises:
        LedgerBroken: If fewer than a majority (n // 2 + 1) answered since then, if a reply
            is not what it should be, or if two of them show two histories.
    """
    pinned = cosignature.distinct(log, witnesses)
    answered: set[str] = set()
    known: dict[int, Checkpoint] = {}
    for reply in replies:
        found = checkpoint.read(reply, log)
        times = {key.name: cosignature.cosigned_at(reply, key) for key in pinned}
        fresh = {name for name, time in times.items() if time and time >= since}
        if not fresh:
            continue
        if known.setdefault(found.size, found) != found:
            raise LedgerBroken(
                f"{log.name} signed two histories of {found.size} entries",
                why="one key signed two histories, which a ledger never does",
                remedy="stop the node: its key is used twice, or it was rolled back before",
            )
        answered |= fresh
    need = len(pinned) // 2 + 1
    if len(answered) < need:
        raise LedgerBroken(
            f"{len(answered)} of {len(pinned)} witnesses said what they saw last, {need} must",
            why="a minority may not know of the newest entries",
            remedy="wait until more of the witnesses can be reached",
        )
    return known[max(known)]


def confront(ledger: Ledger, seen: Checkpoint) -> None:
    """Check that `ledger` holds everything that was seen of it.

    Raises:
        LedgerBroken: If it has fewer entries, or other ones: it was rolled back, and must
            not go on.
    """
    if seen.size > ledger.size:
        raise LedgerBroken(
            f"the ledger has {ledger.size} entries, and its witnesses saw {seen.size}",
            why="it was restored from a backup or cut back: what left since then is missing,"
            " and so is the privacy it cost",
            remedy="restore the newest copy; if there is none, tell the data officer and"
            " start a new ledger under a new name",
        )
    if ledger.tree.root_of(seen.size) != seen.root:
        raise LedgerBroken(
            f"the first {seen.size} entries are not those that the witnesses saw",
            why="the ledger was rolled back and then written again",
            remedy="restore the copy that its witnesses know; keep both as evidence",
        )


def keep(ledger: Ledger, cosigned: bytes, witnesses: Sequence[VerifierKey] = ()) -> None:
    """Keep a checkpoint of `ledger` with the lines that witnesses added.

    The file is whole at any time, and not synced: what a power cut takes can be had again
    from the witnesses.

    Args:
        ledger: The ledger.
        cosigned: The checkpoint.
        witnesses: The keys of those who were asked, kept beside it.

    Raises:
        LedgerBroken: If it is not of this ledger and its history.
        StorageError: If the disk does not take it.
    """
    confront(ledger, checkpoint.read(cosigned, ledger.key))
    listed = "".join(f"{each.cosigner.text}\n" for each in witnesses).encode()
    for name, content in ((WITNESSED, cosigned), (WITNESSES, listed)):
        path = ledger.folder / name
        if not content or (path.is_file() and path.read_bytes() == content):
            continue
        part = path.with_name(f".{name}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        except OSError as error:
            raise cannot_write(path, error) from error
        finally:  # also when it was interrupted
            with suppress(OSError):
                part.unlink(missing_ok=True)


def kept(folder: Path) -> bytes | None:
    """Return the cosigned checkpoint in a ledger's folder, not verified, or None."""
    path = folder / WITNESSED
    return path.read_bytes() if path.is_file() else None


def asked(folder: Path) -> tuple[VerifierKey, ...]:
    """Return the keys of the witnesses that a ledger's own folder names, none if it has none.

    Raises:
        LedgerBroken: If the file cannot be read.
    """
    path = folder / WITNESSES
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    return tuple(VerifierKey.parse(line) for line in text.splitlines())
