"""`make bench-peers`: the same work in pfl-research, Flower and NVIDIA FLARE, and here.

    python -m bench.against [--repeat 3] [--rounds 8] [--only W1]

Everybody trains the same network from the same start on the same batches in the same order
(peers/work.py), in fresh processes, in turn. Printed are the median seconds of a round after
the first, the seconds from the start of the process to the end of round 1, and how far the
final parameters are from those of naive FedAvg: the work is the same only if that is small.

FLARE starts one process a site, so it is measured at 8 sites, with a floor of its own.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from statistics import median

import numpy as np

from bench import cell, environments
from bench.workloads import CLIP, PLAN, Workload, w1, w2
from modelward.core.tensors import FlatF32
from modelward.learn.sgd import LocalTerms, batches
from modelward.recipes.catalogue import recipe
from modelward.recipes.layers.draws import draws

HERE = Path(__file__).parent
OUT = HERE / "out" / "peers.json"
LIMIT_S = 170
"""After this a peer is stopped, and said to be."""

KNOWN = {
    "PYTHONPATH": f"{HERE.parent}:{HERE.parent / 'src'}",
    "GLOO_SOCKET_IFNAME": "lo",
    "FLWR_TELEMETRY_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
}
"""The environment of every process, ours and theirs."""

CONTESTS = [("W1", 40, ("pfl", "flower")), ("W2", 40, ("pfl", "flower"))] + [
    (name, 8, ("flare",)) for name in ("W1", "W2")
]
"""Workload, sites, peers."""


@dataclass(frozen=True)
class Heat:
    """One process that did the work.

    Attributes:
        round_s: Median seconds of a round after the first.
        first_s: Seconds from the start of the process to the end of the first round.
        final: Parameters it ended with.
        version: What ran.
    """

    round_s: float
    first_s: float
    final: FlatF32
    version: str


def workload(name: str, sites: int) -> Workload:
    """Return the workload `name` with its first `sites` sites."""
    images = Path(str(files("modelward.simulation") / "data/pneumoniamnist.npz"))
    work = w1(images) if name == "W1" else w2()
    return replace(work, sites=work.sites[:sites])


def torch_order(work: Workload, flat: FlatF32) -> FlatF32:
    """Return our flat vector in the order and layout of the torch network of peers/work.py."""
    named = recipe(work.choice).schema(work.inputs).split(flat)
    if work.name == "W1":
        for layer in ("conv1", "conv2"):  # ours has the input channel last
            named[f"{layer}.weight"] = named[f"{layer}.weight"].transpose(0, 3, 1, 2)
        flattened = named["hidden1.weight"].reshape(64, 25, 32)
        named["hidden1.weight"] = flattened.transpose(0, 2, 1)
        layers = ["conv1", "conv2", "hidden1", "logit"]
    else:
        layers = ["hidden1", "hidden2", "logit"]
    names = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    return np.concatenate([named[name].reshape(-1) for name in names])


def write(work: Workload, path: Path) -> None:
    """Write what a peer needs to do `work` exactly as we do."""
    x = np.stack([site.x for site in work.sites]).astype(np.float32)
    if work.inputs.kind == "image":
        x = x[:, :, None] / np.float32(127.5) - np.float32(1)
    order = [[rows(work, site, r + 1) for site in range(len(x))] for r in range(work.rounds)]
    plan = {"name": work.name, "rounds": work.rounds, "batch": PLAN.batch, "lr": PLAN.lr}
    np.savez(
        path,
        x=x,
        y=np.stack([site.y for site in work.sites]).astype(np.float32),
        order=np.array(order),
        start=torch_order(work, recipe(work.choice).initial(work.inputs, 0)),
        plan=np.array(json.dumps(plan)),
    )


def rows(work: Workload, site: int, round_no: int) -> np.ndarray:
    """Return the rows of a site in the order in which we take them in a round."""
    terms = LocalTerms.of(PLAN, clip=CLIP, round_no=round_no, site=f"site-{site}")
    return np.concatenate(list(batches(len(work.sites[site].y), terms, draws(*terms.words))))


def commands(work: Workload, peers: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """Return how each way is started; OUT in it stands for where it writes."""
    cores, path = str(len(os.sched_getaffinity(0))), str(folder / "work.npz")
    ours = [sys.executable, f"{HERE}/peers/on_ours.py", work.name, str(len(work.sites))]
    ours += [str(work.rounds), cores, "OUT"]
    plain = [sys.executable, f"{HERE}/peers/on_plain.py", path, "OUT"]
    run = ["-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    known = {
        "pfl": [*run, "--nproc-per-node", cores, f"{HERE}/peers/on_pfl.py", path, "OUT"],
        "flower": [f"{HERE}/peers/on_flower.py", path, "OUT", cores],
        "flare": [f"{HERE}/peers/on_flare.py", path, "OUT", "FOLDER"],
    }
    found = {
        "naive": [*plain, "naive"],
        "floor": [*plain, "floor"],
        "ours": [*ours, "engine"],
        "ours, gated": [*ours, "gated"],
    }
    for peer in peers:
        if (python := environments.python(peer)) is None:
            print(f"  {peer} is not here: {environments.reason(peer)}")
            continue
        found[peer] = [str(python), *known[peer]]
    return found


def heat(command: Sequence[str], folder: Path) -> Heat | str:
    """Run one way once; return its figures, or in words why there are none."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        out = Path(own) / "out.npz"
        places = {"OUT": str(out), "FOLDER": own}
        began = time.time()
        wrong = cell.run([places.get(w, w) for w in command], Path(own), KNOWN, LIMIT_S)
        if wrong:
            (folder / "failed.log").write_bytes((Path(own) / "log").read_bytes())
            return wrong
        with np.load(out) as file:
            ends = file["ends"]
            return Heat(
                float(np.median(np.diff(ends))),
                float(ends[0] - began),
                file["final"],
                str(file["version"]),
            )


def contest(work: Workload, peers: Sequence[str], repeat: int) -> dict[str, object]:
    """Run every way `repeat` times in turn; print and return the figures."""
    with tempfile.TemporaryDirectory(dir=OUT.parent) as name:
        folder = Path(name)
        write(work, folder / "work.npz")
        ways = commands(work, peers, folder)
        heats: dict[str, list[Heat]] = {way: [] for way in ways}
        failed: dict[str, str] = {}
        for _ in range(repeat):
            for way, command in ways.items():
                if way in failed:
                    continue
                done = heat(command, folder)
                if isinstance(done, Heat):
                    heats[way].append(done)
                else:
                    failed[way] = done
                    failure = folder / "failed.log"
                    if failure.exists():
                        (OUT.parent / f"{way}.log").write_bytes(failure.read_bytes())
    return {way: told(way, heats, failed.get(way)) for way in ways}


def told(way: str, heats: dict[str, list[Heat]], failed: str | None) -> dict[str, object]:
    """Print one line of the table and return it."""
    if not heats[way]:
        print(f"  {way:12} {failed}", flush=True)
        return {"failed": failed}
    seconds = median(one.round_s for one in heats[way])
    floor = median(one.round_s for one in heats["floor"])
    first = median(one.first_s for one in heats[way])
    apart = float(np.abs(heats[way][-1].final - heats["naive"][0].final).max())
    shown = f"{apart:9.1e}" if way != "floor" else f"{'-':>9}"
    print(
        f"  {way:12}{seconds:9.4f}{seconds / floor:9.3f}{first:9.1f}{shown}  "
        f"{heats[way][0].version}",
        flush=True,
    )
    return {
        "round_s": round(seconds, 4),
        "ratio_floor": round(seconds / floor, 3),
        "first_s": round(first, 1),
        "apart": None if way == "floor" else apart,
        "version": heats[way][0].version,
        "repeated": len(heats[way]),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", action="append", help="such as W1 or W1/8")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    OUT.parent.mkdir(exist_ok=True)
    results = json.loads(asked.out.read_text()) if asked.out.exists() and asked.only else {}
    for name, sites, peers in CONTESTS:
        label = name if sites == 40 else f"{name}/{sites}"
        if asked.only and label not in asked.only:
            continue
        print(f"{label}: {sites} sites, {asked.rounds} rounds, {asked.repeat} times in turn")
        heads = f"{'round s':>9}{'/floor':>9}{'first s':>9}{'apart':>9}"
        print(f"  {'':12}{heads}")
        work = replace(workload(name, sites), rounds=asked.rounds)
        results[label] = contest(work, peers, asked.repeat)
    asked.out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"written to {asked.out}")


if __name__ == "__main__":
    main()
