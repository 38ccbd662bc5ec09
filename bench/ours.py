"""Ours on one workload: forked workers, training in shared slots, an exact streaming sum.

Engine only: no gate, no ledger, nothing on disk. Each worker has two slots, so the hub adds
one update while the next is being trained; nothing is copied between processes.
"""

import time
from pathlib import Path

import numpy as np

from bench.workloads import CLIP, PLAN, Workload
from modelward.aggregate.fixed_point import UpdateSum
from modelward.engines.workers import Workers, assign, shared_flats
from modelward.learn import group
from modelward.learn.sgd import LocalTerms, train
from modelward.recipes.catalogue import load, recipe


class Ours:
    """A federation on this machine.

    Attributes:
        model: Global parameters.
        numeric_path: Which arithmetic trains the sites (learn/group.py).
        peak_mb: How far all processes grew over the loaded one, if memory was watched.
    """

    def __init__(self, work: Workload, workers: int) -> None:
        self.work, self.recipe = work, recipe(work.choice)
        load(work.choice)
        size = self.recipe.schema(work.inputs).size
        self.numeric_path = group.numeric_path(self.recipe, work.inputs, len(work.sites))
        width = 1 if self.numeric_path == group.SITE_BY_SITE else group.SIZE
        sites = range(len(work.sites))
        self.jobs = [sites[first : first + width] for first in sites[::width]]
        self.queues = assign([sum(len(work.sites[s].y) for s in j) for j in self.jobs], workers)
        self.loaded_mb, self.peak_mb, self.round_no = pss_mb("self"), 0.0, 0
        flats = shared_flats(1 + 2 * width * workers, size)
        self.model, slots = flats[0], flats[1:]
        self.slots = [slots[first : first + width] for first in range(0, len(slots), width)]
        np.copyto(self.model, self.recipe.initial(work.inputs, 0))
        self.sum = UpdateSum(size)
        self.workers = Workers(workers, self._serve)

    def round(self, *, watch_memory: bool = False) -> float:
        """Return seconds for one round."""
        began = time.perf_counter()
        self.round_no += 1
        queues = [
            [f"{self.round_no} {job} {2 * w + p % 2}".encode() for p, job in enumerate(queue)]
            for w, queue in enumerate(self.queues)
        ]
        self.sum.clear()
        for worker, place, _ in self.workers.answers(queues):
            job = self.jobs[self.queues[worker][place]]
            for site, slot in zip(job, self.slots[2 * worker + place % 2], strict=False):
                self.sum.add(slot, self.work.sites[site].patients)
            if watch_memory:
                self._watch()
        self.model += self.sum.mean(out=self.slots[0][0])
        return time.perf_counter() - began

    def close(self) -> None:
        """End the workers."""
        self.workers.close()

    def _serve(self, message: bytes) -> bytes:
        """Train one job into its slots; runs in a worker."""
        round_no, job, place = map(int, message.split())
        slots = self.slots[place]
        asked = [
            (
                self.work.sites[site],
                LocalTerms.of(PLAN, clip=CLIP, round_no=round_no, site=f"site-{site}"),
            )
            for site in self.jobs[job]
        ]
        if self.numeric_path == group.SITE_BY_SITE:
            ((examples, terms),) = asked
            train(self.recipe, self.model, examples, terms, self.work.inputs, slots[0])
        else:
            places, outs = dict(enumerate(asked)), dict(enumerate(slots))
            group.train_group(self.recipe, self.model, places, self.work.inputs, outs)
        return b""

    def _watch(self) -> None:
        total = pss_mb("self") + sum(pss_mb(str(pid)) for pid in self.workers.pids)
        self.peak_mb = max(self.peak_mb, total - self.loaded_mb)


def pss_mb(pid: str) -> float:
    """Return the proportional set size of a process in MB: shared pages are counted once."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
