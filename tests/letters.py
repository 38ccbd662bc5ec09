"""Messages with fixed keys and times, so that every byte of them is known."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact.envelope import Envelope

HUB = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
NOON = MORNING + timedelta(hours=2, minutes=30)
STUDY = "9f" * 32
MODEL = "3b" * 32


def letter(**changes: Any) -> Envelope:
    """Return a task of round 3 from the hub, with `changes`."""
    fields: dict[str, Any] = {
        "kind": "task",
        "study": STUDY,
        "round_no": 3,
        "sender": "hub",
        "sequence": 7,
        "issued": MORNING,
        "expires": NOON,
        "body": {"kind": "train", "model": MODEL},
    }
    return Envelope(**(fields | changes))
