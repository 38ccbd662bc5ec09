"""Forty-eight hospitals and 300,000 images in one simulation: time, memory, AUC.

    python -m bench.scale                           # 300,000 images of 48 hospitals
    python -m bench.scale --images 500000 --sites 50

The whole product: every hospital's gate decides on each update, every ledger is written and
checked, and the report is made. Images are invented: smooth noise with a faint spot in those
that are ill. Hospitals differ in size (log-normal, a factor of ten), in how many are ill
(Beta(2, 2)), and in their scanners' brightness and contrast. The plan has few steps a round and
many rounds, which came closest to pooled training in as many passes by validation AUC and log
loss at seed 100 (docs/strategies.md lists what was tried). Prints seconds of each part, the
largest memory of all processes together, and AUC on the same test images.
"""

import argparse
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench.ours import pss_mb
from modelward.evaluate.estimate import Estimate
from modelward.simulation.dealing import Dealing
from modelward.simulation.simulate import Result, Simulation, simulate
from modelward.simulation.stage import Stage
from modelward.study.read import parse

SIDE, SPOT = 28, 4.0

STUDY = """
[study]
id = "scale"
purpose = "Find a faint spot in an invented image"
unit = "image"
min_patients = 20

[features.image]
type = "image"
size = [28, 28]
intensity = [0, 255]

[target.ill]
type = "boolean"

[recipe]
name = "cnn"
options = { channels = [8, 16], norm = "group" }

[plan]
rounds = ROUNDS
batch = 16
lr = 2.0
schedule = "cosine"

[plan.local]
steps = 4

[plan.server]
name = "momentum"
momentum = 0.9
"""


def images(ill: NDArray[np.int8], seed: int) -> NDArray[np.uint8]:
    """Return one hospital's images, (n, 28, 28)."""
    draw = np.random.default_rng(seed)
    coarse = draw.normal(0, 20, (len(ill), 7, 7)).astype(np.float32)
    smooth = coarse.repeat(4, axis=1).repeat(4, axis=2)
    grid = np.arange(SIDE, dtype=np.float32)
    rows, columns = draw.uniform(5, SIDE - 5, (2, len(ill), 1)).astype(np.float32)
    down = np.exp(-((grid - rows) ** 2) / (2 * SPOT**2))
    along = np.exp(-((grid - columns) ** 2) / (2 * SPOT**2))
    height = np.where(ill == 1, draw.uniform(40, 110, len(ill)), 0).astype(np.float32)
    drawn = smooth + height[:, None, None] * down[:, :, None] * along[:, None, :]
    drawn += draw.normal(0, 15, drawn.shape).astype(np.float32)
    seen = draw.uniform(90, 150) + draw.uniform(0.6, 1.3) * drawn
    return np.clip(seen, 0, 255).astype(np.uint8)


def write(path: Path, total: int, sites: int, seed: int = 0) -> None:
    """Write about `total` images of `sites` hospitals to one .npz file."""
    draw = np.random.default_rng(seed)
    shares = np.exp(draw.normal(0, 0.6, sites))
    sizes = np.maximum(np.round(total * shares / shares.sum()).astype(int), 200)
    labels = [(draw.random(n) < draw.beta(2, 2)).astype(np.int8) for n in sizes]
    np.savez(
        path,
        images=np.concatenate([images(ill, seed + 1 + k) for k, ill in enumerate(labels)]),
        labels=np.concatenate(labels),
        folds=draw.choice(3, sizes.sum(), p=(0.75, 0.1, 0.15)).astype(np.int8),
        hospital=np.repeat([f"h{k:02d}" for k in range(sites)], sizes),
    )


class Memory:
    """Watches how many MB this process and those that it started take together."""

    def __init__(self) -> None:
        self.most, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(2):
            with suppress(OSError):  # one of them ended meanwhile
                together = sum(pss_mb(each) for each in family(str(os.getpid())))
                self.most = max(self.most, together)


def family(pid: str) -> Iterator[str]:
    """Return a process and all that come from it."""
    yield pid
    for tasks in Path("/proc", pid, "task").glob("*/children"):
        with suppress(OSError):  # it ended meanwhile
            for child in tasks.read_text().split():
                yield from family(child)


class Parts:
    """Seconds of each part of the run, from the words of its progress."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, stage: Stage) -> None:
        """Add the time since the last step to what this one belongs to."""
        now = time.perf_counter()
        self.seconds[stage.name] = self.seconds.get(stage.name, 0.0) + now - self._last
        self._last = now


def main() -> None:
    """Make the images, run the study, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=300_000)
    parser.add_argument("--sites", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    study = parse(STUDY.replace("ROUNDS", str(chosen.rounds)))
    with TemporaryDirectory() as folder:
        path = Path(folder, "images.npz")
        write(path, chosen.images, chosen.sites, chosen.seed)
        asked = Simulation(
            study=study, data=path, dealing=Dealing(by="hospital"), out=Path(folder, "run")
        )
        parts = Parts()
        with Memory() as memory:
            result = simulate(asked, parts)
            parts(Stage(name="the rest, and the report", done=1, total=1))
        show(result, parts, memory.most)


def show(result: Result, parts: Parts, most_mb: float) -> None:
    """Print the figures."""
    for name, seconds in parts.seconds.items():
        print(f"{name:24} {seconds:7.1f} s")
    print(f"{'in all':24} {sum(parts.seconds.values()):7.1f} s")
    for each in ("html", "json", "txt"):
        size = result.report.with_suffix(f".{each}").stat().st_size
        print(f"{'report.' + each:24} {size / 1e6:9.2f} MB")
    print(f"{'rounds':24} {len(result.outcome.history):7d}   {result.outcome.seconds:.1f} s")
    print(f"{'memory, all processes':24} {most_mb:7.0f} MB")
    for model in result.findings.models[:2]:
        print(f"{model.name:24} {said(model.overall.auc)}")
    print(f"{'federated minus pooled':24} {said(result.findings.against['pooled'].difference)}")
    words = Counter(verdict.word for verdict in result.findings.verdicts)
    print(", ".join(f"{count} x {word}" for word, count in words.most_common()))


def said(auc: Estimate) -> str:
    """Return a figure with its 95 % interval."""
    if auc.interval is None:
        return f"AUC {auc.value}"
    return f"AUC {auc.value:.4f} [{auc.interval.low:.4f}, {auc.interval.high:.4f}]"


if __name__ == "__main__":
    main()
