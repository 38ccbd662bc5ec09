"""What runs inside the trainer's view: tasks in, one bundle at a time in the outbox.

A task is a line of JSON: {"task": {...}, "site": NAME, "cohort": SHA-256}, under differential
privacy "booked" (spending.py), and "device" where the policy lets a GPU be used. A result is a
bundle at OUTBOX/offer.safetensors, beside what the site keeps for its next round at
OUTBOX/kept.safetensors where the study has that, and the line {"offered": true}; a failure is
{"failed": CLASS}, one of `CLASSES`. Nothing else leaves: what a library prints, and the
words of an exception, go to the site's own log (stderr).

What runs is what is installed: a study names a recipe of the catalogue. No message holds
code, a pickle, or a name that is imported.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from modelward import durable
from modelward.artifact import bundle
from modelward.artifact.store import Store
from modelward.core.columns import inputs
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.errors import ModelwardError
from modelward.learn import device
from modelward.readers.cohort import Cohort
from modelward.recipes.catalogue import load, recipe
from modelward.recipes.networks import backbone
from modelward.site.answering import own_round
from modelward.site.answering.answer import compute
from modelward.site.answering.task_model import model_of
from modelward.site.budget.spending import Booked
from modelward.site.isolation.snapshot import read_snapshot
from modelward.study.answers import answer_to
from modelward.study.own import kept_schema

OFFER, KEPT = "offer.safetensors", "kept.safetensors"

CLASSES = (
    "TrainingFailed", "DataError", "BadArtifact", "StorageError", "MissingExtra",
    "StudyFileError",
)  # fmt: skip
"""Classes of failure that the gatekeeper is told; what they say stays in the log."""


def serve(snapshot: Path, models: Path, outbox: Path, lines: int, replies: int) -> None:
    """Answer tasks until there are no more lines.

    Args:
        snapshot: The study's snapshot.
        models: Where models of tasks are put.
        outbox: Where the offer is written.
        lines: Descriptor that tasks are read from.
        replies: Descriptor that replies are written to.
    """
    desk = _Desk(snapshot, models, outbox)
    with open(lines, "rb", closefd=False) as stream:
        for line in stream:
            os.write(replies, json.dumps(desk.reply(line)).encode() + b"\n")


class _Desk:
    """The study, its cohort, and where results go."""

    def __init__(self, snapshot: Path, models: Path, outbox: Path) -> None:
        self._snapshot, self._outbox = snapshot, outbox
        self._models = Store.reading(models)
        backbone.look_in(models)
        self._digest = ""
        self._open: tuple[Study, Cohort] | None = None

    def reply(self, line: bytes) -> dict[str, object]:
        """Compute one task; return what the gatekeeper is told."""
        try:
            self._compute(json.loads(line))
        except ModelwardError as error:
            traceback.print_exc()
            name = type(error).__name__
            return {"failed": name if name in CLASSES else "TrainingFailed"}
        return {"offered": True}

    def _compute(self, asked: dict[str, Any]) -> None:
        device.allow(asked.get("device", "cpu"))
        study, cohort = self._cohort(asked["cohort"])
        task = Task(**asked["task"])
        model = model_of(task, study, self._models, self._kept(study))
        booked = Booked.from_json(asked["booked"]) if "booked" in asked else None
        computed = compute(task, study, model, cohort, asked["site"], booked)
        if task.kind == "train":
            terms = own_round.terms_of(study, task.round_no, asked["site"])
            path = device.path_here(recipe(study.recipe), terms, inputs(study))
            sys.stderr.write(f"round {task.round_no} trained: {path}\n")
        schema = answer_to(study, task.kind)[1]
        kept = kept_schema(study)
        if kept is not None and computed.kept:
            durable.write_whole(self._outbox / KEPT, bundle.encode(computed.kept, kept))
        durable.write_whole(self._outbox / OFFER, bundle.encode(computed.tensors, schema))

    def _kept(self, study: Study) -> Tensors:
        """Return what the site kept from its last round; empty before it has kept anything."""
        schema, path = kept_schema(study), self._models.folder / KEPT
        if schema is None or not path.exists():
            return {}
        return bundle.parse(path.read_bytes(), schema)

    def _cohort(self, digest: str) -> tuple[Study, Cohort]:
        """Return what the snapshot holds, read when it is first needed."""
        if self._open is None or self._digest != digest:
            self._open = read_snapshot(self._snapshot, digest)
            self._digest = digest
            load(self._open[0].recipe)
        return self._open
