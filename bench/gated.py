"""Ours on one workload as a hospital has it: hub, gate, ledger, everything on disk.

The same work as ours.py, through the code of a real study: every site reads its own file,
trains, passes its gate, stores and signs its artifact, and appends to its ledger (fsync)
before it answers; the hub checks each answer, adds it, and commits the round.

One run is one study of a few rounds. Statistics and the reading of data come before its
first round and are not timed.
"""

import time
from io import BytesIO
from pathlib import Path

import numpy as np

from bench.workloads import CLIP, PLAN, Workload
from modelward.core.features import ImageFeature, NumberFeature
from modelward.core.study import About, Privacy, Study
from modelward.core.targets import Target
from modelward.core.tensors import FlatF32
from modelward.engines.inprocess import InProcess
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from modelward.learn.examples import Examples
from modelward.site.approving.keys import signing_key


class Gated:
    """A simulated federation in a folder, with studies that differ in their seed alone.

    Args:
        work: The workload.
        workers: Processes.
        runs: How often `run` will be called.
        folder: Where hub and sites live; on the disk whose fsync is to count.
    """

    def __init__(self, work: Workload, workers: int, runs: int, folder: Path) -> None:
        self.rounds = work.rounds
        self.studies = [study(work, seed) for seed in range(runs)]
        sites = {f"site-{number}": one for number, one in enumerate(work.sites)}
        folders = {name: write_site(folder / name, one) for name, one in sites.items()}
        keys = {name: signing_key(path / "site.key") for name, path in folders.items()}
        self.keys = {name: key.public_key() for name, key in keys.items()}
        self.registry = Registry(folder / "hub")
        models = self.registry.store.folder
        self.engine = InProcess(self.studies, folders, models, workers=workers)
        self.left = iter(self.studies)

    def run(self) -> float:
        """Return the seconds of one study's rounds, from the first question to the commit."""
        ends, _ = self.study()
        return ends[-1] - ends[0]

    def study(self) -> tuple[list[float], FlatF32]:
        """Run the next study; return when its rounds began and each ended, and its model."""
        marks: list[float] = []

        def watch(progress: Progress) -> None:
            if progress.kind == "train" and (progress.finished or not marks):
                marks.append(time.time())

        hub = Hub(self.engine, self.registry, self.keys, watch=watch)
        return marks, hub.run(next(self.left)).model.parameters

    def close(self) -> None:
        """End the workers and close the registry."""
        self.engine.close()
        self.registry.close()


def study(work: Workload, seed: int) -> Study:
    """Return `work` as hospitals would sign it, with nothing held back."""
    if work.inputs.kind == "image":
        height, width = work.inputs.shape
        features = {"image": ImageFeature(type="image", size=(height, width))}
    else:
        number = NumberFeature(type="number", unit="1", range=(-100.0, 100.0), scale="none")
        features = {f"x{place:03}": number for place in range(work.inputs.shape[0])}
    plan = PLAN.model_copy(
        update={"seed": seed, "rounds": work.rounds, "validation": 0.0, "test": 0.0}
    )
    return Study(
        study=About(id=work.name.lower(), purpose="Measure the cost of a round"),
        features=features,
        target={"y": Target()},
        recipe=work.choice,
        plan=plan,
        privacy=Privacy(clip=CLIP),
    )


def write_site(folder: Path, examples: Examples) -> Path:
    """Write a site's data file and dataset.toml as a hospital would; return `folder`."""
    folder.mkdir(parents=True)
    if examples.x.dtype == np.uint8:
        buffer = BytesIO()
        np.savez(buffer, images=examples.x, labels=examples.y)
        (folder / "data.npz").write_bytes(buffer.getvalue())
        source = 'kind = "arrays"\npath = "data.npz"\n'
    else:
        names = [*(f"x{place:03}" for place in range(examples.x.shape[1])), "y"]
        rows = (
            ",".join([*map(str, row.tolist()), str(int(y))])
            for row, y in zip(examples.x, examples.y, strict=True)
        )
        (folder / "data.csv").write_text("\n".join([",".join(names), *rows]) + "\n")
        source = 'kind = "table"\npath = "data.csv"\n'
    (folder / "dataset.toml").write_text(f"[dataset]\n{source}")
    return folder
