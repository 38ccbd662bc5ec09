"""`make bench-wire`: a deployed round with nothing to compute, ours, Flower's and FLARE's.

    python -m bench.deployed [--repeat 2]

Five sites, 100 kB each way, servers and clients as processes of their own on one machine,
encrypted. Ours and FLARE have mutual TLS; Flower's server shows a certificate and its clients
none. Ours judges, stores, signs and ledgers every answer, and syncs it to disk. Printed is
the median time of a round after the first.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench import cell, environments

HERE = Path(__file__).parent
OUT = HERE / "out" / "wire.json"
SITES, BYTES = 5, 100_000
ROUNDS = {"flower": 3, "flare": 10}
LIMIT_S = 240


def ours(folder: Path) -> tuple[list[float], str] | str:
    """Return the median milliseconds of our rounds and what ran, or what went wrong."""
    known = {"PYTHONPATH": f"{HERE.parent}:{HERE.parent / 'src'}"}
    command = [sys.executable, "-m", "bench.wire", "--disk", str(folder)]
    wrong = cell.run(command, folder, known, LIMIT_S)
    if wrong:
        return wrong
    found = json.loads((folder / "log").read_text().splitlines()[-1])
    assert found["bytes_each_way"] == BYTES, found
    return [found["median_ms"]], "modelward on JetStream"


def theirs(peer: str, folder: Path) -> tuple[list[float], str] | str:
    """Return the milliseconds of a peer's rounds after the first, or what went wrong."""
    python, rounds, out = environments.python(peer), ROUNDS[peer], folder / "out.json"
    if python is None:
        return environments.reason(peer)
    script = str(HERE / "peers" / f"wire_{peer}.py")
    command = [str(python), script, str(out), str(SITES), str(rounds)]
    known = {"FLWR_HOME": f"{folder}/flwr", "FLWR_TELEMETRY_ENABLED": "0"}
    wrong = cell.run(command, folder, known, LIMIT_S)
    if wrong:
        return wrong
    found = json.loads(out.read_text())
    if abs(found["final"] - rounds) > 1e-4:  # every round adds one to every number
        return f"ended with {found['final']} after {rounds} rounds"
    times = [1000 * (end - began) for began, end in pairwise(found["times"])]
    return times[1:], found["version"]


def told(name: str, found: Sequence[tuple[list[float], str] | str]) -> dict[str, object]:
    """Print a line and return it."""
    wrong = [each for each in found if isinstance(each, str)]
    if wrong:
        print(f"  {name:8} {wrong[0]}", flush=True)
        return {"failed": wrong[0]}
    times = [time for each in found for time in each[0]]
    print(f"  {name:8}{median(times):10.1f}{BYTES:10}  {found[0][1]}", flush=True)
    return {"round_ms": round(median(times), 1), "bytes_each_way": BYTES, "what": found[0][1]}


def main() -> None:
    """Measure in turn, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    OUT.parent.mkdir(exist_ok=True)
    found: dict[str, list[tuple[list[float], str] | str]] = {
        "ours": [],
        "flare": [],
        "flower": [],
    }
    for _ in range(asked.repeat):
        for name, each in found.items():
            with tempfile.TemporaryDirectory(dir=OUT.parent) as folder:
                own = Path(folder)
                each.append(ours(own) if name == "ours" else theirs(name, own))
    print(f"{SITES} sites; load {os.getloadavg()[0]:.1f}")
    print(f"  {'':8}{'round ms':>10}{'bytes':>10}")
    results = {name: told(name, each) for name, each in found.items()}
    asked.out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {asked.out}")


if __name__ == "__main__":
    main()
