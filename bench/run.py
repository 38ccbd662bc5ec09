"""`make bench`: what federation costs here, against a plain torch loop and naive FedAvg.

Prints seconds per round and ratios, medians of interleaved runs, and writes
bench/out/results.json:

    {"W1": {"floor_s", "naive_s", "ours_s", "ratio_floor", "ratio_naive", "peak_mb",
            "model_mb", "copies_per_worker", "gated_s", "gated_ratio_floor", "runs",
            "workers", "numeric_path"}, ...}

floor and naive use one thread; ours uses `--workers` single-thread processes. `peak_mb` is
how far all processes together grew over the loaded one (proportional set size). gated is
the same work through hub, gate and ledger, everything on disk (gated.py).
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from importlib.resources import files
from math import nan
from pathlib import Path
from statistics import median

from bench.gated import Gated
from bench.ours import Ours
from bench.plain import Plain
from bench.workloads import Workload, w1, w2, w3

IMAGES = "data/pneumoniamnist.npz"
SHOWN = (
    "floor_s",
    "naive_s",
    "ours_s",
    "gated_s",
    "ratio_floor",
    "gated_ratio_floor",
    "peak_mb",
)
OUT = Path(__file__).parent / "out" / "results.json"


def measure(
    work: Workload, workers: int, runs: int, *, gated: bool
) -> dict[str, float | int | str]:
    """Return the figures of one workload, those with gate and ledger if `gated`."""
    with ExitStack() as stack:
        ours = stack.enter_context(closing(Ours(work, workers)))
        for _ in range(2):
            ours.round(watch_memory=True)
        plain = Plain(work)  # after the memory of ours was read: it has its own
        ways = {
            "floor": lambda: sum(plain.floor() for _ in range(work.rounds)),
            "naive": lambda: sum(plain.naive() for _ in range(work.rounds)),
            "ours": lambda: sum(ours.round() for _ in range(work.rounds)),
        }
        if gated:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=OUT.parent)))
            whole = stack.enter_context(closing(Gated(work, workers, runs + 1, folder)))
            ways["gated"] = whole.run
        took = {way: s / work.rounds for way, s in interleaved(ways, runs).items()}
    model_mb = ours.model.nbytes / 1e6
    found: dict[str, float | int | str] = {
        **{f"{way}_s": round(seconds, 4) for way, seconds in took.items()},
        "ratio_floor": round(took["ours"] / took["floor"], 3),
        "ratio_naive": round(took["ours"] / took["naive"], 3),
        "peak_mb": round(ours.peak_mb, 1),
        "model_mb": round(model_mb, 2),
        "copies_per_worker": round(ours.peak_mb / model_mb / workers, 2),
        "runs": runs,
        "workers": workers,
        "numeric_path": ours.numeric_path,
    }
    if gated:
        found["gated_ratio_floor"] = round(took["gated"] / took["floor"], 3)
    return found


def interleaved(ways: Mapping[str, Callable[[], float]], runs: int) -> dict[str, float]:
    """Return the median of `runs` figures of each way, taken in turn after one warm-up."""
    found: dict[str, list[float]] = {way: [] for way in ways}
    for run in range(runs + 1):
        for way, once in ways.items():
            seconds = once()
            if run:
                found[way].append(seconds)
    return {way: median(each) for way, each in found.items()}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="interleaved, after one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=["W1", "W2", "W3"], action="append")
    parser.add_argument("--engine-only", action="store_true", help="leave out gate and ledger")
    parser.add_argument("--images", type=Path, help="another pneumoniamnist.npz")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    images = chosen.images or Path(str(files("modelward.simulation") / IMAGES))
    makers = {"W1": lambda: w1(images), "W2": w2, "W3": w3}
    results = json.loads(chosen.out.read_text()) if chosen.only and chosen.out.exists() else {}
    OUT.parent.mkdir(exist_ok=True)
    print(f"seconds a round, median of {chosen.runs}, {chosen.workers} workers")
    heads = ["floor", "naive", "ours", "gated", "ours/floor", "gated/floor", "grew MB"]
    print(f"{'':4}" + "".join(f"{head:>12}" for head in heads))
    for name in chosen.only or list(makers):
        found = results[name] = measure(
            makers[name](), chosen.workers, chosen.runs, gated=not chosen.engine_only
        )
        print(
            f"{name:4}" + "".join(f"{found.get(key, nan):12.3f}" for key in SHOWN), flush=True
        )
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {chosen.out}")


if __name__ == "__main__":
    main()
