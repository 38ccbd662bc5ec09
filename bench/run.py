"""`make bench`: what federation costs here, against a plain torch loop and naive FedAvg.

Prints seconds per round and ratios, medians of interleaved runs, and writes
bench/out/results.json:

    {"W1": {"floor_s", "naive_s", "ours_s", "ratio_floor", "ratio_naive", "peak_mb",
            "model_mb", "copies_per_worker", "runs", "workers", "numeric_path"}, ...}

floor and naive use one thread; ours uses `--workers` single-thread processes. `peak_mb` is
how far all processes together grew over the loaded one (proportional set size).
"""

import argparse
import json
from importlib.resources import files
from pathlib import Path
from statistics import median

from bench.ours import Ours
from bench.plain import Plain
from bench.workloads import Workload, w1, w2, w3

IMAGES = "data/pneumoniamnist.npz"
OUT = Path(__file__).parent / "out" / "results.json"


def measure(work: Workload, workers: int, runs: int) -> dict[str, float | int | str]:
    """Return the figures of one workload."""
    ours = Ours(work, workers)
    for _ in range(2):
        ours.round(watch_memory=True)
    plain = Plain(work)  # after the memory of ours was read: it has its own
    kinds = {"floor": plain.floor, "naive": plain.naive, "ours": ours.round}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    try:
        for run in range(runs + 1):  # the first one warms up
            for kind, once in kinds.items():
                seconds = sum(once() for _ in range(work.rounds)) / work.rounds
                if run:
                    times[kind].append(seconds)
    finally:
        ours.close()
    floor, naive, own = (median(times[kind]) for kind in kinds)
    model_mb = ours.model.nbytes / 1e6
    return {
        "floor_s": round(floor, 4),
        "naive_s": round(naive, 4),
        "ours_s": round(own, 4),
        "ratio_floor": round(own / floor, 3),
        "ratio_naive": round(own / naive, 3),
        "peak_mb": round(ours.peak_mb, 1),
        "model_mb": round(model_mb, 2),
        "copies_per_worker": round(ours.peak_mb / model_mb / workers, 2),
        "runs": runs,
        "workers": workers,
        "numeric_path": ours.numeric_path,
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="interleaved, after one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=["W1", "W2", "W3"], action="append")
    parser.add_argument("--images", type=Path, help="another pneumoniamnist.npz")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    images = chosen.images or Path(str(files("modelward.simulation") / IMAGES))
    makers = {"W1": lambda: w1(images), "W2": w2, "W3": w3}
    results = {}
    print(f"seconds a round, median of {chosen.runs}, {chosen.workers} workers")
    print(f"{'':4}{'floor':>9}{'naive':>9}{'ours':>9}{'/floor':>8}{'/naive':>8}{'grew MB':>9}")
    for name in chosen.only or list(makers):
        found = results[name] = measure(makers[name](), chosen.workers, chosen.runs)
        print(
            f"{name:4}{found['floor_s']:9.3f}{found['naive_s']:9.3f}{found['ours_s']:9.3f}"
            f"{found['ratio_floor']:8.3f}{found['ratio_naive']:8.3f}{found['peak_mb']:9.1f}",
            flush=True,
        )
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {chosen.out}")


if __name__ == "__main__":
    main()
