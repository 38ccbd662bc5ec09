"""What one release costs at a site: the W1 model through every rule, the store and the ledger.

    python -m bench.release [FOLDER]     bench/out by default

Prints milliseconds, medians: `rules` is judging alone; `decide` is the whole door, with a new
bundle, a signed card and a signed ledger entry on the disk of FOLDER; `fsync` is one kilobyte
appended and synced there, and a release waits for three, one after the other. `quick` and
`full` are the inspector's looks at a trained update with 5,000 local images at hand; the
second runs on the first round, the last and every fifth; `index` is once for a cohort.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.gated import study
from bench.wire import fsync_ms
from bench.workloads import w1
from modelward.aggregate.fixed_point import round_update
from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.gate.door import Door
from modelward.gate.offer import Offer
from modelward.gate.policy import LANES, Leakage, Policy
from modelward.gate.rules import standard
from modelward.ledger.log import Ledger
from modelward.readers.cohort import Cohort
from modelward.site.answering.answer import compute
from modelward.site.answering.inspection import Looker
from modelward.study.model import initial, parameter_schema

RELEASES = 200
IMAGES = 5000
LOOKS = 5
OUT = Path(__file__).parent / "out"


def once(act: Callable[[], object]) -> float:
    """Return the milliseconds that `act` takes."""
    began = perf_counter()
    act()
    return 1e3 * (perf_counter() - began)


def looked(asked: Study, images: Path) -> dict[str, float]:
    """Return what the inspector's looks cost with `IMAGES` local images."""
    with np.load(images) as file:
        x = np.concatenate([file["train_images"], file["val_images"]])[:IMAGES]
        y = np.concatenate([file["train_labels"], file["val_labels"]])[:IMAGES].reshape(-1)
    folds = np.random.default_rng(0).choice(3, len(x), p=(0.8, 0.1, 0.1)).astype(np.int8)
    cohort, model = Cohort(x=x, y=y.astype(np.int8), folds=folds), initial(asked, None)
    task = Task(study=asked.sha256, round_no=1, kind="train", model="0" * 64)
    update = compute(task, asked, model, cohort, "bench").tensors
    looker = Looker(asked, cohort, Leakage().similarity)

    def ms(*, full: bool) -> float:
        return once(lambda: looker.look(task, model, update, full=full))

    return {
        "inspector_index_ms": round(ms(full=True), 1),
        "inspector_quick_ms": round(median(ms(full=False) for _ in range(LOOKS)), 1),
        "inspector_full_ms": round(median(ms(full=True) for _ in range(LOOKS)), 1),
    }


def main() -> None:
    """Measure and print."""
    images = Path(str(files("modelward.simulation") / "data/pneumoniamnist.npz"))
    asked = study(w1(images), 0)
    schema, rules = parameter_schema(asked), standard(asked, Policy(lanes=LANES))
    drawn = np.random.default_rng(0)
    key = Ed25519PrivateKey.generate()

    def offer(number: int) -> Offer:
        values = drawn.normal(scale=0.01, size=schema.size).astype(np.float32)
        return Offer(
            task=Task(study=asked.sha256, round_no=number, kind="train", model="0" * 64),
            kind="update",
            tensors=schema.split(round_update(values)),
            patients=150,
            schema=schema,
        )

    offers = [offer(number) for number in range(1, RELEASES + 1)]
    judged = [once(lambda each=each: rules(each)) for each in offers]
    assert not any(rules(each) for each in offers)
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else OUT) as name:
        folder = Path(name)
        ledger = Ledger.open(
            folder / "ledger",
            origin="modelward/bench",
            private_key=key,
            clock=lambda: datetime.now(UTC),
        )
        door = Door("bench", key, Store(folder / "outbox"), ledger)
        decided = [
            once(lambda each=each: door.decide(each.task, lambda: each, rules))
            for each in offers
        ]
        ledger.close()
        found = {
            "parameters": schema.size,
            "rules_ms": round(median(judged), 3),
            "decide_ms": round(median(decided), 2),
            "decide_p95_ms": round(sorted(decided)[int(0.95 * RELEASES)], 2),
            "fsync_ms": fsync_ms(folder),
            **looked(asked, images),
            "load": round(os.getloadavg()[0], 1),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
