"""How fast a ledger takes entries and is verified; prints one line of JSON.

    python bench/ledger.py [FOLDER] [ENTRIES] [BATCH]

FOLDER is on the disk to measure (default: the current folder); what is written there is
removed again. Rates are entries per second, fsync included. ENTRIES is the size of the large
ledger, by default a million; BATCH is how many of them are under one checkpoint, by default a
thousand. A site that answers rounds has a few to a checkpoint, and pays a signature for each.
"""

import json
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.core.canonical import Json
from modelward.ledger import archive, proof
from modelward.ledger.log import Ledger
from modelward.ledger.note import Signer
from modelward.ledger.verify import verify

SINGLES = 1_000
BATCH = 40
BATCHES = 250
TOOL = Path(__file__).parents[1] / "tools/verify_ledger.py"


def opened(folder: Path) -> Ledger:
    """Open the ledger in `folder` with a fixed key."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return Ledger.open(
        folder, origin="modelward/bench", private_key=key, clock=lambda: datetime.now(UTC)
    )


def entry(number: int) -> dict[str, Json]:
    """Return fields as the gate writes them, about 500 bytes."""
    return {
        "artifact": "update",
        "bytes": 96_000,
        "kind": "release",
        "patients": 199,
        "privacy": {"mechanism": "none"},
        "round": number % 20,
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


def once(act: Callable[[], object]) -> float:
    """Return the seconds that `act` takes."""
    start = perf_counter()
    act()
    return perf_counter() - start


def proofs(folder: Path) -> tuple[float, float, float]:
    """Return seconds to make one proof, to verify it here, and with the stand-alone tool."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    ledger = archive.read(folder, Signer("modelward/bench", key).key)
    made = ledger.prove(ledger.state.size // 2)
    raw, public = made.encode(), Signer("modelward/bench", key).key
    make = min(once(lambda: ledger.tree.inclusion_path(made.index)) for _ in range(100))
    here = min(once(lambda: proof.verify(proof.parse(raw), public)) for _ in range(100))
    tool = runpy.run_path(str(TOOL))
    asked = raw, tool["read_key"](public.text), None, [], 0
    return make, here, min(once(lambda: tool["check_proof"](*asked)) for _ in range(100))


def main() -> None:
    """Measure and print."""
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    large = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    batch = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        singles = append(folder / "singles", SINGLES, 1)
        batches = append(folder / "batches", BATCHES, BATCH)
        grown = append(folder / "large", large // batch, batch)
        verified = once(lambda: verify(folder / "large"))
        reopened = once(lambda: opened(folder / "large").close())
        make, check, tool_check = proofs(folder / "large")
        signatures = once(lambda: verify(folder / "singles"))
        tool = [sys.executable, "-I", TOOL, folder / "large", "--key"]
        alone = once(lambda: subprocess.run([*tool, folder / "large/key.pub"], check=True))
    print(
        json.dumps(
            {
                "append_per_s": round(SINGLES / singles),
                "append_ms": round(1e3 * singles / SINGLES, 3),
                "append_batch_of_40_per_s": round(BATCH * BATCHES / batches),
                "append_batch_of_40_ms": round(1e3 * batches / BATCHES, 3),
                "large_entries": large,
                "large_batch": batch,
                "large_append_per_s": round(large / grown),
                "large_verify_s": round(verified, 2),
                "large_verify_stand_alone_s": round(alone, 2),
                "large_open_s": round(reopened, 2),
                "proof_make_ms": round(1e3 * make, 3),
                "proof_verify_ms": round(1e3 * check, 3),
                "proof_verify_stand_alone_ms": round(1e3 * tool_check, 3),
                "verify_1k_signed_singly_s": round(signatures, 3),
            }
        )
    )


if __name__ == "__main__":
    main()
