"""What a private step costs: W1's network at one logical batch, beside Opacus in the same run.

    python -m bench.private_step [--batch 256] [--repeats 7]

    plain        forward, backward and step of torch.optim.SGD on one nn.Module
    by layer     ours: gradients layer by layer, clipped per patient, noised   (what sites run)
    generic      ours: vmap(grad), for any recipe
    hooks, ghost Opacus 1.6 with its own optimiser and noise, clipping per row

One thread; programs take turns, so that a busy machine is busy for all of them; medians. The
peak is the resident memory of a process of its own that made steps of 256, or of 4,096, rows.
Opacus is in an environment of its own: python -m bench.environments.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench import environments
from bench.workloads import Workload, w1
from modelward.learn.dp import DpTerms, noised_step
from modelward.learn.patients import Patients
from modelward.privacy.noise import Secret
from modelward.recipes.catalogue import recipe
from modelward.recipes.gradients.objective import YesNo
from modelward.recipes.gradients.row_gradients import TorchRowGradients
from modelward.recipes.gradients.torch_cpu import shared
from modelward.recipes.networks import cnn_torch
from modelward.recipes.recipe import RowGradients

OUT = Path(__file__).parent / "out"
ROWS = 4096
WAYS = ("by layer", "generic")


def rows_of(work: Workload) -> tuple[np.ndarray, np.ndarray]:
    """Return 4,096 images of W1's sites, each taken to be one patient, and outcomes."""
    x = np.concatenate([site.x for site in work.sites])[:ROWS]
    return x, np.concatenate([site.y for site in work.sites])[:ROWS]


def step_of(way: str, batch: int) -> Callable[[], object]:
    """Return a whole private step of ours on `batch` patients."""
    work = w1(Path(str(files("modelward.simulation") / "data/pneumoniamnist.npz")))
    made: Any = recipe(work.choice)
    x, y = (part[:batch] for part in rows_of(work))
    flat = made.initial(work.inputs, 0)
    model: RowGradients = made.row_gradients(flat, x, y, work.inputs, 0.0)
    if way == "generic":
        named = shared(made.schema(work.inputs).split(flat))
        batches = cnn_torch.ImageBatches(x, work.inputs.intensity)
        model = TorchRowGradients(cnn_torch.forward(made), named, batches, y, YesNo())
    terms = DpTerms(
        steps=1, sampling=1.0, noise=1.0, clip=1.0, patients=batch, lr=0.05, release_clip=60.0
    )
    patients, secret = Patients(np.arange(batch)), Secret(bytes(32), ("bench",))
    count = iter(range(1 << 30))

    def step() -> None:
        found = noised_step(model, patients, flat.size, terms, secret, next(count))
        np.subtract(flat, np.float32(0.05) * found, out=flat)

    return step


def timed(way: str, batch: int, repeats: int) -> dict[str, float]:
    """Return the median milliseconds of a step of ours, and the peak memory in MiB."""
    step = step_of(way, batch)
    step()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"ms": 1e3 * median(seconds), "peak_mib": peak}


def elsewhere(command: list[object]) -> dict[str, float]:
    """Return what another process measured."""
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    said = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True, env=env
    )
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure in turns, and print."""
    reader = argparse.ArgumentParser(prog="python -m bench.private_step")
    reader.add_argument("--batch", type=int, default=256)
    reader.add_argument("--repeats", type=int, default=7)
    reader.add_argument("--turns", type=int, default=3)
    reader.add_argument("--only", choices=WAYS)
    asked = reader.parse_args()
    if asked.only:
        print(json.dumps(timed(asked.only, asked.batch, asked.repeats)))
        return
    compare(asked.batch, asked.repeats, asked.turns)


def compare(batch: int, repeats: int, turns: int) -> None:
    """Measure every way in turns, and print."""
    OUT.mkdir(exist_ok=True)
    python, data = environments.python("opacus"), OUT / "private_step.npz"
    if python is None:
        sys.exit("Opacus is not here: python -m bench.environments")
    work = w1(Path(str(files("modelward.simulation") / "data/pneumoniamnist.npz")))
    x, y = rows_of(work)
    np.savez(data, x=x, y=y)

    def measured(way: str, rows: int, times: int) -> dict[str, float]:
        if way in WAYS:
            ours = [sys.executable, "-m", "bench.private_step", "--repeats", times]
            return elsewhere([*ours, "--only", way, "--batch", rows])
        return elsewhere([python, "bench/peers/opacus_step.py", data, way, times, rows])

    found: dict[str, list[float]] = {way: [] for way in ("plain", *WAYS, "hooks", "ghost")}
    peak: dict[str, float] = {}
    for _ in range(turns):
        for way, ms in found.items():
            taken = measured(way, batch, repeats)
            ms.append(taken["ms"])
            peak[way] = taken["peak_mib"]
    for way, ms in found.items():
        ratio = median(ms) / median(found["plain"])
        print(
            f"{way:9} {median(ms):7.1f} ms  [{min(ms):.1f}, {max(ms):.1f}]"
            f"  {ratio:5.2f} x plain  peak {peak[way]:.0f} MiB",
            flush=True,
        )
    for way in found:
        large = measured(way, ROWS, 1)["peak_mib"]
        print(f"{way:9} peak {large:.0f} MiB at {ROWS} rows", flush=True)


if __name__ == "__main__":
    main()
