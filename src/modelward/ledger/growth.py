"""A ledger, shown to have only grown since a checkpoint that somebody kept.

For whoever was given a checkpoint once and asks later whether that ledger is the beginning of
today's, without being shown either. The file is what a site sends its witnesses (request.py):
the size to start from, the consistency path (RFC 9162, 2.1.4), the newer checkpoint. The older
one is not in it: it is the reader's own, and a proof against any other would show nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, cosignature, merkle
from modelward.ledger.archive import Archive
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.cosignature import Witnessed
from modelward.ledger.note import VerifierKey
from modelward.ledger.request import Request


@dataclass(frozen=True, slots=True)
class Grown:
    """What a proof of growth shows.

    Attributes:
        held: The older checkpoint, the reader's own.
        witnessed: The newer one, and who else saw that.
    """

    held: Checkpoint
    witnessed: Witnessed


def prove(archive: Archive, held: bytes, key: VerifierKey) -> Request:
    """Return the proof that `archive` extends the ledger of the checkpoint `held`.

    Raises:
        LedgerBroken: If `held` is not signed by `key`, covers more entries than there are, or
            other ones: then there is nothing to prove.
    """
    old, new = checkpoint.read(held, key), archive.state
    if old.size > new.size:
        raise LedgerBroken(
            f"the ledger ends at {new.size} entries, and that checkpoint covers {old.size}",
            why="a ledger only grows; signed entries are never removed",
            remedy="restore the newest copy of the ledger, or leave out --witnessed",
        )
    if archive.tree.root_of(old.size) != old.root:
        raise LedgerBroken(
            f"the first {old.size} entries are not those of that checkpoint",
            why="one key signed two histories, which a ledger never does",
            remedy="show both checkpoints to the site and to its peers",
        )
    return Request(old.size, archive.tree.consistency_path(old.size), archive.signed)


def verify(
    proof: Request,
    held: bytes,
    log: VerifierKey,
    witnesses: Sequence[VerifierKey] = (),
    *,
    need: int = 0,
) -> Grown:
    """Check that a ledger which `log` signed and `need` witnesses saw extends that of `held`.

    Raises:
        LedgerBroken: If a signature or the path does not hold, or if the proof starts at
            another size than that of `held`.
    """
    old = checkpoint.read(held, log)
    found = cosignature.verify(proof.signed, log, witnesses, need=need)
    new = found.checkpoint
    if proof.old != old.size:
        raise LedgerBroken(
            f"the proof starts at {proof.old} entries, and you hold a checkpoint of {old.size}",
            why="a proof connects two checkpoints, and one of them must be your own",
            remedy="send the site your checkpoint: modelward ledger prove LEDGER --since FILE",
        )
    merkle.verify_consistency((old.size, old.root), (new.size, new.root), proof.path)
    return Grown(old, found)
