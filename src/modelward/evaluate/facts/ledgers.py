"""What a report says of a ledger that lies within reach."""

from pathlib import Path

from modelward.errors import LedgerBroken
from modelward.evaluate.facts.record import LedgerFacts
from modelward.ledger.verify import verify


def ledger_facts(path: Path) -> LedgerFacts:
    """Return where the ledger in the folder `path` is, and whether it verifies now."""
    key = path / "key.pub"
    try:
        found = verify(path, str(key))
    except LedgerBroken as error:
        return LedgerFacts(path=str(path), entries=0, root=error.what, verified=False)
    return LedgerFacts(
        path=str(path),
        entries=found.entries,
        root=found.root.hex(),
        verified=True,
        key=str(key),
        seen=found.witnessed.checkpoint.size if found.witnessed else 0,
        cosigned=len(found.witnessed.times) if found.witnessed else 0,
        witnesses=found.asked,
    )
