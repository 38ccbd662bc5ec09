"""The wire: round time, large models, many sites. Loopback, mutual TLS, everything on disk.

    python -m bench.wire                 a tiny round, 5 sites, 100 kB each way
    python -m bench.wire --large         a study of 200 MB over 4 sites, two rounds
    python -m bench.wire --many          40 site processes, 20 rounds of a small study

Sites are processes of their own; each answer is judged, stored, signed and in a ledger
before it is sent. A large round includes training and the hub's sum. The time of one fsync
on the same disk is printed beside the figures, because a round is made of them.
"""

import argparse
import json
import os
import resource
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from modelward.artifact.store import Store
from modelward.core.task import Task
from modelward.core.tensors import Schema
from modelward.core.verdict import Answer
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_site.site_end import SiteEnd
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.loopback import federate
from modelward.engines.workers import die_with
from modelward.gate.door import Door
from modelward.gate.offer import Offer
from modelward.joining.site_folder import SiteFolder
from modelward.ledger.log import Ledger
from modelward.study.model import parameter_schema
from modelward.study.read import parse
from tests.wire import STUDY_FILE, Federation, make_site, study

STUDY = "ab" * 32


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Ward:
    """A site that answers every task with `floats` numbers, through a real door and ledger."""

    def __init__(self, folder: Path, floats: int) -> None:
        site = SiteFolder(folder)
        self.name, self.floats = site.name, floats
        ledger = Ledger.open(
            folder / "ledger", origin=f"modelward/{self.name}", private_key=site.key, clock=now
        )
        self.door = Door(self.name, site.key, Store(folder / "outbox"), ledger)

    def answer(self, task: Task, models: Store, /) -> Answer:
        """Return the model plus one, as an update."""

        def offer() -> Offer:
            values = models.tensors(str(task.model))["w"] + np.float32(1)
            return Offer(
                task=task,
                kind="update",
                tensors={"w": values},
                patients=100,
                schema=Schema.from_tensors({"w": values}),
                sent_bytes=0,
            )

        return self.door.decide(task, offer, lambda _: ())


def serve(parent: int, folder: Path, floats: int) -> None:
    """Be a site, in a process that ends with its parent."""
    die_with(parent)
    site = SiteFolder(folder)
    dialled = folders.site_identity(site)
    end = SiteEnd(Ward(folder, floats), dialled, site.key, site.hub_key, folder, silent)
    signal.signal(signal.SIGTERM, lambda *_: end.stop())
    end.run()


def rounds(folder: Path, sites: int, floats: int, count: int) -> dict[str, object]:
    """Return the times of `count` rounds, the first left out of the median."""
    names = [f"site{number}" for number in range(sites)]
    made = Federation(folder, names)
    fork = get_context("fork")
    wards: list[BaseProcess] = [
        fork.Process(target=serve, args=(os.getpid(), made.sites[name], floats))
        for name in names
    ]
    for ward in wards:
        ward.start()
    took = []
    models = Store(made.hub.path / "models")
    with made.server(), made.engine() as engine:
        before = memory(os.getpid())
        for number in range(1, count + 2):
            values = np.random.default_rng(number).normal(size=floats).astype(np.float32)
            digest, _ = models.put({"w": values}, Schema.from_tensors({"w": values}))
            del values
            task = Task(study=STUDY, round_no=number, kind="train", model=digest)
            began = time.perf_counter()
            answered = sum(1 for _ in engine.ask(task, names, deadline_s=None))
            took.append(time.perf_counter() - began)
            assert answered == sites
        grown = memory(os.getpid()) - before
    for ward in wards:
        ward.terminate()
        ward.join()
    return {
        "sites": sites,
        "bytes_each_way": floats * 4,
        "first_ms": round(took[0] * 1000, 1),
        "median_ms": round(statistics.median(took[1:]) * 1000, 1),
        "worst_ms": round(max(took[1:]) * 1000, 1),
        "rounds": count,
        "hub_anonymous_growth_mb": round(grown / 1e6, 1),
        "hub_peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
    }


def memory(process: int) -> int:
    """Return the bytes of a process's own memory, mapped files left out."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {process} does not say")


def large(folder: Path, sites: int, width: int, count: int) -> dict[str, object]:
    """Return what rounds of a whole study of a large network take, training included.

    Sites fetch the model, train one pass, and send theirs; the hub adds, commits, and sends
    the result to be validated, from which the next round starts.

    Args:
        folder: Where to work; about 4 GB for 200 MB and 4 sites.
        sites: How many.
        width: Units in each of the two hidden layers; 7070 make 50 million parameters.
        count: Rounds.
    """
    asked = parse(
        STUDY_FILE.replace("ROUNDS", str(count))
        .replace("EXTRA", "local_epochs = 1\nbatch = 64\nlr = 0.01")
        .replace('name = "logistic"', 'name = "mlp"')
        .replace("l2 = 1.0", f"hidden = [{width}, {width}]")
    )
    nbytes = parameter_schema(asked).nbytes
    places = {f"site{n}": make_site(folder / f"site{n}", 60, n) for n in range(sites)}
    with sampling(folder / "hub" / "health.json") as memory_of_hub:
        figures = federate(folder / "hub", places, [asked])
    return {
        "sites": sites,
        "model_mb": round(nbytes / 1e6, 1),
        "round_ms": [round(each) for each in figures.round_ms],
        "bytes_up": figures.bytes_up,
        "bytes_down": figures.bytes_down,
        "hub_growth_in_models": round(
            (max(memory_of_hub) - memory_of_hub[0]) / nbytes if memory_of_hub else 0.0, 2
        ),
    }


@contextmanager
def sampling(health: Path) -> Iterator[list[int]]:
    """Give the own memory of the process that writes `health`, measured all the time."""
    found: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            with suppress(OSError, ValueError):
                found.append(memory(int(json.loads(health.read_bytes())["pid"])))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield found
    finally:
        over.set()
        looking.join()


def many(folder: Path, sites: int, count: int) -> dict[str, object]:
    """Return how long a small study takes over that many site processes."""
    asked = study(rounds=count)
    places = {
        f"site{number}": make_site(folder / f"site{number}", 60, number)
        for number in range(sites)
    }
    began = time.perf_counter()
    figures = federate(folder / "hub", places, [asked])
    return {
        "sites": sites,
        "rounds": len(figures.round_ms),
        "seconds": round(time.perf_counter() - began, 1),
        "round_ms_median": round(statistics.median(figures.round_ms), 1),
    }


def fsync_ms(folder: Path) -> float:
    """Return the median time of appending a kilobyte and syncing it."""
    took = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(b"x" * 1000)
            file.flush()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(took), 2)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Measure the wire.")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--many", action="store_true")
    parser.add_argument("--disk", type=Path, default=None, help="folder to work in")
    asked = parser.parse_args()
    measure: Callable[[Path], dict[str, object]]
    if asked.large:
        measure = lambda folder: large(folder, 4, 7070, 2)  # noqa: E731
    elif asked.many:
        measure = lambda folder: many(folder, 40, 20)  # noqa: E731
    else:
        measure = lambda folder: rounds(folder, 5, 25_000, 30)  # noqa: E731
    with tempfile.TemporaryDirectory(dir=asked.disk) as name:
        folder = Path(name)
        before = fsync_ms(folder)
        found = measure(folder)
        load = os.getloadavg()[0]
        print(json.dumps({**found, "fsync_ms": [before, fsync_ms(folder)], "load": load}))


if __name__ == "__main__":
    main()
