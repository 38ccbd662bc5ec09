"""Three witnesses with fixed keys, and what a small ledger asks of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.ledger.note import Signer
from modelward.ledger.request import Request, request
from modelward.ledger.witness import Cosigned, Witness
from tests.ledgers import open_ledger

NAMES = ("hub", "modelward/hungary", "modelward/va")
SIGNERS = tuple(
    Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    for number, name in enumerate(NAMES, start=100)
)
KEYS = tuple(signer.key.cosigner for signer in SIGNERS)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def noon() -> datetime:
    """The clock of every witness: it stands still."""
    return NOON


def after(minutes: int) -> datetime:
    """Return the time so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def open_witness(folder: Path, number: int = 0) -> Witness:
    """Open the witness `NAMES[number]`."""
    return Witness.open(folder, signer=SIGNERS[number], clock=noon)


def asked(folder: Path, old: int) -> Request:
    """Return what the ledger in `folder` asks a witness that saw `old` entries."""
    with open_ledger(folder) as ledger:
        return request(ledger, old)


def line_of(answer: object) -> bytes:
    """Return the cosignature that a witness gave."""
    assert isinstance(answer, Cosigned), answer
    return answer.line
