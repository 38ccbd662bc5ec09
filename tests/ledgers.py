"""Small ledgers with a fixed key and clock, so that every byte of them is known."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.core.canonical import Json
from modelward.ledger.log import Ledger
from modelward.ledger.note import Signer

ORIGIN = "modelward/cleveland"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
KEY = Signer(ORIGIN, PRIVATE).key


def morning() -> datetime:
    """The clock of every test: it stands still."""
    return datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def open_ledger(folder: Path) -> Ledger:
    """Open the ledger in `folder` with the fixed key and clock."""
    return Ledger.open(folder, origin=ORIGIN, private_key=PRIVATE, clock=morning)


def write(folder: Path, batches: Sequence[int]) -> Path:
    """Write one batch of each given size; entry `n` answers task `t<n>`."""
    with open_ledger(folder) as ledger:
        for size in batches:
            ledger.append_all([fields(ledger.size + place) for place in range(size)])
    return folder


def fields(number: int) -> dict[str, Json]:
    """Return what the gate might say of task `t<number>`."""
    return {"task": f"t{number}", "decision": "release", "sha256": f"{number:02x}" * 4}
