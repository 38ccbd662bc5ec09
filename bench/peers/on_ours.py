"""Ours on a workload, in our own environment; `gated` is with gate, ledger and disk.

on_ours.py NAME SITES ROUNDS WORKERS OUT engine|gated
"""

import sys
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bench.against import torch_order, workload
from bench.gated import Gated
from bench.ours import Ours
from bench.workloads import Workload
from modelward.core.tensors import FlatF32


def engine(work: Workload, workers: int) -> tuple[list[float], FlatF32]:
    """Return when each round ended, and the model."""
    ours, ends = Ours(work, workers), []
    for _ in range(work.rounds):
        ours.round()
        ends.append(time.time())
    ours.close()
    return ends, ours.model


def gated(work: Workload, workers: int, folder: Path) -> tuple[list[float], FlatF32]:
    """Return when each round ended, and the model."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        whole = Gated(work, workers, 1, Path(name))
        marks, model = whole.study()
        whole.close()
    return marks[1:], model


def main() -> None:
    """Run the workload."""
    name, sites, rounds, workers, out, way = sys.argv[1:]
    work = replace(workload(name, int(sites)), rounds=int(rounds))
    if way == "engine":
        ends, model = engine(work, int(workers))
    else:
        ends, model = gated(work, int(workers), Path(out).parent)
    with Path(out).open("wb") as file:
        np.savez(
            file,
            final=torch_order(work, model),
            ends=np.array(ends),
            version=np.array(f"modelward {version('modelward')}"),
        )


if __name__ == "__main__":
    main()
