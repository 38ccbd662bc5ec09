"""The gatekeeper's side of training: hands in a task, takes out a bundle, trusts neither.

    SITE/workroom/STUDY/root      empty; the trainer's own root is mounted here, in its view
    SITE/workroom/STUDY/models    the model of the current task, and what the site kept of its
                                  own from its last round, read-only inside
    SITE/workroom/STUDY/outbox    the one place that the trainer can write
    SITE/trainer.log              what the trainer prints; stays at the site

The bundle is read into memory first, so that it cannot change while it is judged; its
length is known before it is opened, and links are not followed. It is parsed strictly
against the study's schema, and a bundle that is anything else is an offer of nothing, which
the gate refuses and the ledger records. How many units are behind an answer is taken from
the extractor's figures, never from the trainer.

A trainer that dies is started once more: the same task gives the same bits. One that
computes for longer than a round of the study waits is ended.
"""

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from numpy.typing import NDArray

from modelward import durable
from modelward.artifact import bundle
from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.core.tensors import Schema, Tensors
from modelward.errors import BadArtifact, TrainingFailed
from modelward.gate.policy import Device, Isolation
from modelward.recipes.networks import backbone
from modelward.recipes.networks.lora import backbone_of
from modelward.site.answering.answer import Computed
from modelward.site.budget.spending import Booked
from modelward.site.isolation.snapshot import CohortFacts, snapshot_folder
from modelward.site.isolation.view import TRAINER_UID
from modelward.site.keeping.outbox import empty, read_exactly
from modelward.site.rooms.desk import CLASSES
from modelward.site.rooms.trainer_line import Line, child, unit
from modelward.study.answers import answer_to
from modelward.study.own import kept_schema

OFFER, KEPT = "offer.safetensors", "kept.safetensors"
ATTEMPTS = 2

LONGEST_S, SHORTEST_S = 24 * 3600.0, 60.0
"""How long a trainer may compute for one task of a study without a deadline, and at least."""


class Workroom:
    """One study's trainer at one site.

    Args:
        folder: The site's folder.
        site: The site's name; part of the seed of its batches.
        study: The approved study.
        facts: What the extractor says of its cohort.
        isolation: What the policy asks for.
        device: Where the policy lets networks be trained.
    """

    def __init__(
        self,
        folder: Path,
        site: str,
        study: Study,
        facts: CohortFacts,
        isolation: Isolation,
        device: Device = "cpu",
    ) -> None:
        self._folder, self._site, self._study = folder, site, study
        self._facts, self._isolation, self._device = facts, isolation, device
        self._limit_s = max(SHORTEST_S, study.plan.deadline_s or LONGEST_S)
        self._room = folder / "workroom" / study.sha256
        self._kept = kept_schema(study)
        self._line: Line | None = None
        self._stopped = False
        for name in ("root", "models", "outbox"):
            durable.make_folder(self._room / name)
        if os.geteuid() == 0 and isolation == "namespaces":
            os.chown(self._room / "outbox", TRAINER_UID, TRAINER_UID)

    @property
    def pid(self) -> int | None:
        """Process id of the trainer, or None while there is none of ours."""
        return None if self._line is None else self._line.pid

    def compute(
        self,
        task: Task,
        models: Store,
        booked: Booked | None = None,
        kept: Tensors | None = None,
    ) -> Computed:
        """Return what the trainer offers for `task`.

        Args:
            task: A task of this study that intake.py has let in.
            models: Where its model has been put.
            booked: What the budget allows, under differential privacy.
            kept: What the site kept for itself from its last round.

        Raises:
            TrainingFailed: If the trainer failed, or died twice; its words are in the log.
            StorageError: If the model cannot be handed in.
        """
        self._hand_in(task, models, kept or {})
        for _ in range(ATTEMPTS):
            self._clear()
            reply = self._ask(task, booked)
            if reply is not None and reply.get("offered") is True and len(reply) == 1:
                return self._take_out(task)
            if reply is not None:
                said = reply.get("failed")
                known = said if len(reply) == 1 and said in CLASSES else "something else"
                raise self._failed(f"it reported {known}")
        raise self._failed("it ended twice without a word")

    def stop(self) -> None:
        """End the trainer for good, from any thread: what is being computed fails."""
        self._stopped = True
        if self._line is not None:
            self._line.kill()

    def close(self) -> None:
        """End the trainer."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _hand_in(self, task: Task, models: Store, kept: Tensors) -> None:
        """Put the task's model and what was kept, and no other, where the trainer can read."""
        inside = self._room / "models"
        name = f"{task.model}.safetensors"
        below = backbone_of(self._study.recipe)
        for old in inside.iterdir():
            if old.name not in {name, f"{below}.safetensors"}:
                old.unlink()
        if below is not None:
            backbone.give(self._folder, below, inside)
        if kept and self._kept is not None:
            durable.write_whole(inside / KEPT, bundle.encode(kept, self._kept))
        target = inside / name
        if task.model is None or target.exists():
            return
        part = inside / f".{name}"
        try:
            shutil.copyfile(models.path(task.model), part)
            part.rename(target)
        except OSError as error:
            raise durable.cannot_write(target, error) from error

    def _ask(self, task: Task, booked: Booked | None) -> dict[str, object] | None:
        """Return the trainer's reply, or None if it died or could not be started."""
        asked = {"task": asdict(task), "site": self._site, "cohort": self._facts.bundle}
        if self._device != "cpu":
            asked["device"] = self._device
        if booked is not None:
            asked["booked"] = booked.to_json()
        if self._stopped:
            return None
        try:
            self._line = self._line or self._start()
        except OSError:
            return None
        rounds = self._study.plan.rounds if task.kind == "report" else 1  # as long as they all
        reply = self._line.ask(asked, rounds * self._limit_s)
        if reply is None:
            self.close()
        return reply

    def _start(self) -> Line:
        if self._isolation == "systemd":
            return unit(self._folder / "trainer.sock", self._study.sha256)
        kinds: tuple[TaskKind, ...] = get_args(TaskKind)
        view: dict[str, str | int | bool] = {
            "root": str(self._room / "root"),
            "snapshot": str(snapshot_folder(self._folder, self._study.sha256)),
            "models": str(self._room / "models"),
            "outbox": str(self._room / "outbox"),
            "largest_file": max(
                *(_length(answer_to(self._study, kind)[1]) for kind in kinds),
                _length(self._kept) if self._kept else 0,
            ),
            "namespaces": self._isolation == "namespaces",
        }
        return child(view, self._folder / "trainer.log")

    def _take_out(self, task: Task) -> Computed:
        """Return what was offered; nothing if it is not exactly what was asked for."""
        units, schema = self._facts.behind(task.kind), answer_to(self._study, task.kind)[1]
        outbox, kept = self._room / "outbox", dict[str, NDArray[Any]]()
        try:
            offer = bundle.parse(read_exactly(outbox / OFFER, _length(schema)), schema)
            if self._kept is not None and task.kind == "train":
                raw = read_exactly(outbox / KEPT, _length(self._kept))
                kept = bundle.parse(raw, self._kept)
            return Computed(offer, units, kept)
        except (OSError, BadArtifact):
            return Computed({}, units)
        finally:
            self._clear()

    def _clear(self) -> None:
        """Remove what is in the outbox; a trainer that makes that impossible is ended."""
        try:
            empty(self._room / "outbox")
        except OSError as error:
            self.close()
            raise self._failed("its outbox cannot be emptied") from error

    def _failed(self, what: str) -> TrainingFailed:
        return TrainingFailed(
            f"the trainer of {self._site} gave no answer: {what}",
            why="an answer is computed by the isolated trainer, or there is none",
            remedy=f"read {self._folder / 'trainer.log'} at the site; it is sent to nobody",
        )


def _length(schema: Schema) -> int:
    """Return the bytes of the one canonical bundle of `schema`."""
    return len(bundle.header(schema)) + schema.nbytes
