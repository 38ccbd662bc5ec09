"""Training on one GPU: ours over eight sites in turn, against centralised loops.

    python -m bench.gpu [--images 512] [--batches 32 128] [--repeats 3] [--only densenet unet]
    python -m bench.gpu --only unet --batches 32 --side 112

Grey images of 224 x 224 (or `--side`) with generated noise, bytes in device memory;
bfloat16; SGD with momentum. Four loops take the same steps on the same images of the same
GPU, in turn, in every repeat; medians over repeats are printed, in images per second:

    eager    nn.Module, autocast, channels_last, optim.SGD (gpu_plain.py), one model
    graph    the same step captured as a CUDA graph, one model
    ours, 1  the captured step of recipes/networks/captured.py, one model
    ours, 8  the same over eight sites in turn: start from the common parameters, a local pass,
             difference, clip and grid on the GPU, the update copied to the host, and an
             exact integer sum of all

Before that, what is computed is held to itself: a captured step in float32 to the same step
uncaptured and to the CPU's, bfloat16 to float32, and one run to another, bit for bit. Results
go to bench/out/gpu.json, or to the file named by --out.

What a release costs (gate, ledger, disk) is bench/release.py's and no part of this.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench import gpu_plain
from modelward.core.columns import Inputs
from modelward.learn.device import site_round, steps_of
from modelward.learn.examples import Examples
from modelward.learn.sgd import LocalTerms, train
from modelward.recipes.networks import densenet, unet
from modelward.recipes.networks.captured import Captured, OnDevice, Step, exact_float32
from modelward.recipes.networks.network import Network

SITES = 8
OUT = Path("bench/out/gpu.json")


@dataclass(frozen=True)
class Workload:
    """A recipe, its plain counterpart and what both are trained for."""

    recipe: Network
    inputs: Inputs
    plain: Callable[[], torch.nn.Module]
    loss: gpu_plain.Loss


def _dice(z: Tensor, y: Tensor) -> Tensor:
    z, there = z.flatten(1), y.float().flatten(1)
    pixels = functional.binary_cross_entropy_with_logits(z, there)
    p = torch.sigmoid(z)
    shared = (2 * (p * there).sum(1) + 1) / (p.sum(1) + there.sum(1) + 1)
    return pixels + (1 - shared).mean()


def _yes_no(z: Tensor, y: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(z.float(), y.float())


def workloads(side: int) -> dict[str, Workload]:
    """Return what is measured, by name, on images of `side` x `side`."""
    return {
        "densenet": Workload(
            densenet.Densenet(densenet.Options()),
            Inputs("image", (side, side)),
            gpu_plain.densenet,
            _yes_no,
        ),
        "unet": Workload(
            unet.Unet(unet.Options()),
            Inputs("image", (side, side), outcome="mask"),
            gpu_plain.Unet,
            _dice,
        ),
    }


def examples_of(work: Workload, n: int, seed: int) -> Examples:
    """Return `n` generated images, brighter in a disc where there is something to find."""
    drawn = np.random.default_rng(seed)
    x = drawn.integers(0, 160, (n, *work.inputs.shape), dtype=np.uint8)
    y = (np.arange(n) % 2).astype(np.int8)
    side = work.inputs.shape[0]
    rows, columns = np.mgrid[:side, :side]
    disc = (rows - side // 2) ** 2 + (columns - side // 2) ** 2 < (side // 8) ** 2
    mask = (disc[None] & (y > 0)[:, None, None]).astype(np.uint8)
    x += 90 * mask
    return Examples(x=x, y=mask if work.inputs.outcome == "mask" else y, patients=n)


def terms_of(batch: int, site: int) -> LocalTerms:
    """Return the terms of one site: one local pass."""
    return LocalTerms(
        epochs=1,
        batch=batch,
        lr=0.01,
        momentum=0.9,
        adjust_logits=False,
        clip=10.0,
        words=("train", 0, 1, f"site-{site}"),
    )


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes, everything it started on the GPU included."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def plain_loop(step: Callable[[Tensor, Tensor], None], data: OnDevice, batch: int) -> None:
    """Take a pass over `data` in batches."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(data.x))).cuda()
    for begin in range(0, len(order) - batch + 1, batch):
        rows = order[begin : begin + batch]
        step(data.x.index_select(0, rows), data.y.index_select(0, rows))


def ours_central(captured: Captured, data: OnDevice, batch: int, start: Tensor) -> None:
    """Take a pass over `data` with one model."""
    terms = terms_of(batch, 0)
    captured.start(start)
    descent = terms.descent(Examples(np.zeros((2, 1)), np.array([0, 1], np.int8), 2))
    captured.train(data, steps_of(len(data.x), terms), terms.lr, descent)


def ours_federated(
    captured: Captured, sites: list[tuple[Examples, OnDevice]], batch: int, start: Tensor
) -> Tensor:
    """Take a local pass at each site in turn and return the sum of weighted updates."""
    total = torch.zeros(len(start), dtype=torch.int64, device=start.device)
    left = torch.empty(len(start), pin_memory=start.is_cuda)
    for site, (given, there) in enumerate(sites):
        update = site_round(captured, start, there, given, terms_of(batch, site))
        left.copy_(update, non_blocking=True)
        total += (update * 2.0**24).long() * given.patients
    return total


def measure(
    work: Workload, batch: int, images: int, repeats: int, *, graph: bool = True
) -> dict[str, float]:
    """Return images per second of every loop, medians over `repeats`."""
    given = [examples_of(work, images, site) for site in range(SITES)]
    sites = [(each, OnDevice.of(each.x, each.y, "cuda")) for each in given]
    together = OnDevice(
        torch.cat([there.x for _, there in sites]), torch.cat([there.y for _, there in sites])
    )
    start = torch.from_numpy(work.recipe.initial(work.inputs, 0)).cuda()
    captured = Captured(
        Step(network=work.recipe, inputs=work.inputs, batch=batch, momentum=0.9)
    )
    exact_float32()
    ours_federated(captured, sites[:1], batch, start)
    torch.backends.cudnn.deterministic = False  # the plain loops choose as they would
    first = (together.x[:batch], together.y[:batch])
    eager = gpu_plain.Eager(work.plain(), work.loss)
    for _ in range(3):
        eager.step(*first)
    replayed: gpu_plain.Eager | gpu_plain.Replayed = eager
    if graph:
        replayed = gpu_plain.Replayed(gpu_plain.Eager(work.plain(), work.loss), *first)
    loops: dict[str, Callable[[], object]] = {
        "eager": lambda: plain_loop(eager.step, together, batch),
        "graph": lambda: plain_loop(replayed.step, together, batch),
        "ours, 1": lambda: ours_central(captured, together, batch, start),
        "ours, 8": lambda: ours_federated(captured, sites, batch, start),
    }
    if not graph:
        del loops["graph"]
    taken: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(repeats):
        for name, loop in loops.items():
            taken[name].append(seconds(loop))
    return {name: SITES * images / statistics.median(found) for name, found in taken.items()}


def equality(work: Workload) -> dict[str, float]:
    """Return how far ways to compute a round lie apart: largest difference / largest value."""
    given = examples_of(work, 12, 3)  # a last batch of 4
    start = work.recipe.initial(work.inputs, 0)
    there, begin = OnDevice.of(given.x, given.y, "cuda"), torch.from_numpy(start).cuda()
    terms = replace(terms_of(8, 0), clip=64.0)

    def one(**how: object) -> np.ndarray:
        step = Step(network=work.recipe, inputs=work.inputs, batch=8, momentum=0.9)
        made = Captured(replace(step, **how))  # type: ignore[arg-type]
        return site_round(made, begin, there, given, terms).cpu().numpy()

    captured = one(precision="float32")
    ways = {
        "float32, captured against uncaptured": one(precision="float32", capture=False),
        "float32, captured twice": one(precision="float32"),
        "float32, GPU against CPU": train(work.recipe, start, given, terms, work.inputs),
        "bfloat16 against float32": one(),
    }
    found = {
        name: float(np.abs(way - captured).max() / np.abs(captured).max())
        for name, way in ways.items()
    }
    wide = [one(), one()]
    found["bfloat16, captured twice"] = float(np.abs(wide[0] - wide[1]).max())
    far = [np.linalg.norm(w.astype(np.float64)) for w in (wide[0] - captured, captured)]
    found["bfloat16 against float32, norms"] = float(far[0] / far[1])
    return found


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=512, help="Per site.")
    parser.add_argument("--batches", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=["densenet", "unet"])
    parser.add_argument("--side", type=int, default=224, help="Pixels.")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--skip-equality", action="store_true")
    parser.add_argument("--without-graph", action="store_true")
    asked = parser.parse_args()
    exact_float32()
    results: dict[str, object] = {
        "gpu": torch.cuda.get_device_name(),
        "torch": torch.__version__,
    }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    for name in asked.only:
        work = workloads(asked.side)[name]
        if not asked.skip_equality:
            results[f"{name}, equality"] = found = equality(work)
            for what, value in found.items():
                print(f"{name:9} {what:40} {value:.2e}", flush=True)
        for batch in asked.batches:
            rates = measure(
                work, batch, asked.images, asked.repeats, graph=not asked.without_graph
            )
            results[f"{name}, batch {batch}"] = rates
            told = "  ".join(f"{loop} {rate:7.0f}" for loop, rate in rates.items())
            ours, graph = rates["ours, 8"], rates.get("graph", np.nan)
            print(
                f"{name:9} batch {batch:4}  {told}  | of graph {ours / graph:.3f}  "
                f"of one model {ours / rates['ours, 1']:.3f}  "
                f"of eager {ours / rates['eager']:.2f}",
                flush=True,
            )
            asked.out.write_text(json.dumps(results, indent=2) + "\n")
    print(results["gpu"], results["torch"])


if __name__ == "__main__":
    main()
