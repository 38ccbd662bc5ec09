"""How fast a ledger takes entries and is verified; prints one line of JSON.

    python bench/ledger.py [FOLDER]

FOLDER is on the disk to measure (default: the current folder); what is written there is
removed again. Rates are entries per second, fsync included.
"""

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.core.canonical import Json
from modelward.ledger.log import Ledger
from modelward.ledger.verify import verify

SINGLES = 1_000
BATCH = 40
BATCHES = 250
LARGE = 100_000
LARGE_BATCH = 1_000


def opened(folder: Path) -> Ledger:
    """Open the ledger in `folder` with a fixed key."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return Ledger.open(
        folder, origin="modelward/bench", private_key=key, clock=lambda: datetime.now(UTC)
    )


def entry(number: int) -> dict[str, Json]:
    """Return fields as the gate writes them, about 450 bytes."""
    return {
        "bytes": 96_000,
        "decision": "released",
        "kind": "update",
        "patients": 199,
        "privacy": {"mechanism": "none"},
        "round": number % 20,
        "schema": "5c" * 32,
        "sha256": f"{number:064x}",
        "study": "9f" * 32,
        "task": f"{number:064x}",
    }


def append(folder: Path, count: int, batch: int) -> float:
    """Append `count` batches of `batch` entries; return seconds."""
    with opened(folder) as ledger:
        start = perf_counter()
        for number in range(count):
            ledger.append_all([entry(number * batch + place) for place in range(batch)])
        return perf_counter() - start


def main() -> None:
    """Measure and print."""
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        singles = append(folder / "singles", SINGLES, 1)
        batches = append(folder / "batches", BATCHES, BATCH)
        append(folder / "large", LARGE // LARGE_BATCH, LARGE_BATCH)
        start = perf_counter()
        verify(folder / "large")
        verified = perf_counter() - start
        start = perf_counter()
        opened(folder / "large").close()
        reopened = perf_counter() - start
        start = perf_counter()
        verify(folder / "singles")
        signatures = perf_counter() - start
    print(
        json.dumps(
            {
                "append_per_s": round(SINGLES / singles),
                "append_ms": round(1e3 * singles / SINGLES, 3),
                "append_batch_of_40_per_s": round(BATCH * BATCHES / batches),
                "append_batch_of_40_ms": round(1e3 * batches / BATCHES, 3),
                "verify_100k_in_100_batches_s": round(verified, 2),
                "open_100k_s": round(reopened, 2),
                "verify_1k_signed_singly_s": round(signatures, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
