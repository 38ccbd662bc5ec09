"""The gatekeeper's side of the inspection: hands in an offer, takes out figures.

    SITE/inspection/STUDY/in    the model of the task and the offer, read-only inside
    SITE/inspector.log          what the inspector prints; stays at the site

The inspector is a process of its own for each study, under the same isolation as the
trainer. One that dies is started once more; whatever else goes wrong means "no figures", and
without figures the gate refuses.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.tensors import Tensors
from modelward.errors import BadArtifact, ModelwardError
from modelward.gate.policy import Isolation, Leakage
from modelward.privacy.leakage.figures import Inspection
from modelward.readers.cohort import Cohort
from modelward.recipes.networks import backbone
from modelward.recipes.networks.lora import backbone_of
from modelward.site.answering.inspection import Looker
from modelward.site.answering.task_model import model_of
from modelward.site.isolation.snapshot import read_facts, snapshot_folder
from modelward.site.rooms.trainer_line import Line, child, unit
from modelward.study.answers import answer_to

PATIENCE_S = 120.0
"""Seconds that one inspection may take; the tests take 5."""

TRIES = 2
"""How often one offer is looked at: an inspector that was killed says nothing about it."""

OPEN_LINES = 2
"""Inspectors kept running at once; each holds one cohort in memory."""


class Inspector(Protocol):
    """Who looks at offers. Implementations: `DirectInspector`, `IsolatedInspector`."""

    def inspect(
        self, task: Task, study: Study, tensors: Tensors, models: Store, *, full: bool
    ) -> Inspection | None:
        """Return the figures of `tensors`, or None if there are none."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class CohortSource(Protocol):
    """Where a `DirectInspector` gets cohorts; site/rooms/direct.py's DirectTrainer is one."""

    def cohort(self, study: Study) -> Cohort:
        """Return the site's units for `study`."""
        ...


class DirectInspector:
    """Inspects in this process, for simulations and tests.

    Args:
        source: Where the cohort comes from.
        bounds: What the policy says about leakage.
    """

    def __init__(self, source: CohortSource, bounds: Leakage) -> None:
        self._source, self._bounds = source, bounds
        self._lookers: dict[str, Looker] = {}

    def inspect(
        self, task: Task, study: Study, tensors: Tensors, models: Store, *, full: bool
    ) -> Inspection | None:
        """Return the figures of `tensors`."""
        if study.sha256 not in self._lookers:
            cohort = self._source.cohort(study)
            self._lookers[study.sha256] = Looker(study, cohort, self._bounds.similarity)
        looker = self._lookers[study.sha256]
        return looker.look(task, model_of(task, study, models), tensors, full=full)

    def close(self) -> None:
        """Forget the cohorts."""
        self._lookers.clear()


class IsolatedInspector:
    """Inspects in processes that are kept apart.

    Args:
        folder: The site's folder.
        isolation: How the policy keeps them apart.
        bounds: What the policy says about leakage.
    """

    def __init__(self, folder: Path, isolation: Isolation, bounds: Leakage) -> None:
        self._folder, self._isolation, self._bounds = folder, isolation, bounds
        self._lines: OrderedDict[str, Line] = OrderedDict()

    def inspect(
        self, task: Task, study: Study, tensors: Tensors, models: Store, *, full: bool
    ) -> Inspection | None:
        """Return the figures of `tensors`; None if the inspector failed, died or was slow."""
        try:
            facts = read_facts(self._folder, study.sha256)
            if facts is None:
                return None
            asked = {
                "task": asdict(task),
                "cohort": facts.bundle,
                "offer": self._hand_in(task, study, tensors, models),
                "full": full,
                "similarity": self._bounds.similarity,
            }
            return self._ask(study, asked)
        except (OSError, ModelwardError):
            return None

    def pids(self) -> list[int]:
        """Return the process ids of the inspectors that run as children."""
        return [line.pid for line in self._lines.values() if line.pid is not None]

    def close(self) -> None:
        """End every inspector."""
        while self._lines:
            self._lines.popitem()[1].close()

    def _hand_in(self, task: Task, study: Study, tensors: Tensors, models: Store) -> str:
        """Put model and offer where the inspector reads them; return the offer's hash."""
        inside = self._room(study) / "in"
        durable.make_folder(inside)
        below = backbone_of(study.recipe)
        for old in inside.iterdir():
            if old.is_file() and old.stem not in {task.model, below}:
                old.unlink()
        if below is not None:
            backbone.give(self._folder, below, inside)
        store = Store.reading(inside)
        if task.model is not None and not store.path(task.model).exists():
            durable.write_whole(store.path(task.model), [models.path(task.model).read_bytes()])
        return Store(inside).put(tensors, answer_to(study, task.kind)[1])[0]

    def _ask(self, study: Study, asked: Mapping[str, object]) -> Inspection | None:
        for _ in range(TRIES):
            line = self._lines.pop(study.sha256, None) or self._start(study)
            reply = line.ask(asked, PATIENCE_S)
            if reply is not None:
                break
            line.close()
        else:
            return None
        self._lines[study.sha256] = line
        while len(self._lines) > OPEN_LINES:
            self._lines.popitem(last=False)[1].close()
        try:
            return Inspection.read(reply.get("figures"))
        except BadArtifact:
            return None

    def _start(self, study: Study) -> Line:
        if self._isolation == "systemd":
            return unit(self._folder / "inspector.sock", study.sha256)
        room = self._room(study)
        for name in ("root", "out", "in"):
            durable.make_folder(room / name)
        view: dict[str, str | int | bool] = {
            "root": str(room / "root"),
            "snapshot": str(snapshot_folder(self._folder, study.sha256)),
            "models": str(room / "in"),
            "outbox": str(room / "out"),
            "largest_file": 0,
            "namespaces": self._isolation == "namespaces",
        }
        return child(view, self._folder / "inspector.log", "modelward.site.rooms.inspector")

    def _room(self, study: Study) -> Path:
        return self._folder / "inspection" / study.sha256
