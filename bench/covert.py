"""What a malicious recipe can carry out in weights that the gate has nothing against.

    python -m bench.covert

An installed recipe that was changed takes records of the cohort, encrypts them, and writes
the bits into an update of the W1 model (56,129 values, norm at most 10). Every rule of the
gate and all tests of the inspector, with 2,000 local images at hand, look at it; what passes
is read back bit by bit. Two ways:

    open     every value is a number of `bits` bits on the grid: nothing is trained
    hidden   the low bits of a trained update; the model goes on learning

Printed are bits and bytes a round that were read back without a fault, the findings (none),
and how many images of 28 x 28 pixels that is. Time, and what a site answers or refuses, are
channels of their own and not measured here.
"""

import json
from importlib.resources import files
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.gated import study
from bench.workloads import w1
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import FlatF32
from modelward.gate.leaks import Look
from modelward.gate.offer import Offer
from modelward.gate.policy import LANES, Leakage, Policy
from modelward.gate.rules import UPDATE_GRID, standard
from modelward.readers.cohort import Cohort
from modelward.site.answering.answer import compute
from modelward.site.answering.inspection import Looker
from modelward.study.model import Model, initial, parameter_schema

IMAGES = 2000
CLIP = 10.0
"""The norm that a study allows unless it says otherwise."""

KEEP_NORM = 0.999
"""Part of the norm that is used, to stay below the bound."""


def cohort(images: Path) -> Cohort:
    """Return `IMAGES` local images, a tenth of them for validation and a tenth for tests."""
    with np.load(images) as file:
        x, y = file["train_images"][:IMAGES], file["train_labels"][:IMAGES].reshape(-1)
    folds = np.random.default_rng(0).choice(3, len(x), p=(0.8, 0.1, 0.1)).astype(np.int8)
    return Cohort(x=x, y=y.astype(np.int8), folds=folds)


def encrypted(records: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Return the first `count` bits of `records` under a keystream: they look like noise."""
    plain = np.resize(np.unpackbits(records.reshape(-1)[: count // 8 + 1]), count)
    key = np.random.default_rng(99).integers(0, 2, count).astype(np.uint8)
    mixed: NDArray[np.uint8] = plain ^ key
    return mixed


def numbers(bits: NDArray[np.uint8], width: int) -> NDArray[np.int64]:
    """Return whole numbers of `width` bits each."""
    return bits.reshape(-1, width).astype(np.int64) @ (1 << np.arange(width, dtype=np.int64))


def to_bits(values: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Return the bits of whole numbers; the inverse of `numbers`."""
    return ((values[:, None] >> np.arange(width)) & 1).astype(np.uint8).reshape(-1)


def whole(update: FlatF32) -> NDArray[np.int64]:
    """Return an update in units of the grid."""
    return np.rint(update.astype(np.float64) * UPDATE_GRID).astype(np.int64)


class Gate:
    """All rules and the inspector's full look, at one site."""

    def __init__(self, asked: Study, model: Model, local: Cohort) -> None:
        self._task = Task(study=asked.sha256, round_no=1, kind="train", model="0" * 64)
        self._schema, self._model, self._local = parameter_schema(asked), model, local
        self._rules = standard(asked, Policy(lanes=LANES))
        self._looker = Looker(asked, local, Leakage().similarity)

    def against(self, update: FlatF32) -> list[str]:
        """Return the rules that object to `update`."""
        tensors = self._schema.split(update)
        look = Look(
            lambda: self._looker.look(self._task, self._model, tensors, full=True), b"salt"
        )
        offer = Offer(
            task=self._task,
            kind="update",
            tensors=tensors,
            patients=self._local.count("train"),
            schema=self._schema,
            look=look,
        )
        return [finding.rule for finding in self._rules(offer)]


def told(way: str, width: int, sent: NDArray[np.uint8], update: FlatF32, gate: Gate) -> None:
    """Print what `update` carries: `width` low bits of each value hold `sent`."""
    read = to_bits(whole(update) & ((1 << width) - 1), width)
    assert np.array_equal(read, sent), "what was written is not what is read"
    print(
        json.dumps(
            {
                "way": way,
                "findings": gate.against(update),
                "bits_a_value": width,
                "bits_a_round": sent.size,
                "bytes_a_round": sent.size // 8,
                "images_a_round": sent.size // (8 * 28 * 28),
                "norm": round(float(np.linalg.norm(update.astype(np.float64))), 3),
            }
        )
    )


def main() -> None:
    """Write, judge and read back."""
    images = Path(str(files("modelward.simulation") / "data/pneumoniamnist.npz"))
    wide, local = study(w1(images), 0), cohort(images)
    bound = wide.privacy.model_copy(update={"clip": CLIP})
    asked = wide.model_copy(update={"privacy": bound})
    model = initial(asked, None)
    gate = Gate(asked, model, local)
    size = parameter_schema(asked).size

    widest = int(np.log2(2 * KEEP_NORM * CLIP * sqrt(3 / size) * UPDATE_GRID))
    sent = encrypted(local.x, widest * size)
    said = numbers(sent, widest)
    signed = np.where(said >> (widest - 1), said - (1 << widest), said)  # same low bits
    told("open", widest, sent, (signed / UPDATE_GRID).astype(np.float32), gate)

    task = Task(study=asked.sha256, round_no=1, kind="train", model="0" * 64)
    trained = parameter_schema(asked).join(compute(task, asked, model, local, "bench").tensors)
    for width in (8, 12):
        sent = encrypted(local.x, width * size)
        carried = (whole(trained) & ~((1 << width) - 1)) | numbers(sent, width)
        update = (carried / UPDATE_GRID).astype(np.float32)
        told(f"hidden in {width} low bits", width, sent, update, gate)


if __name__ == "__main__":
    main()
