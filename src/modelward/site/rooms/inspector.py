"""The isolated process that inspects: snapshot and offer in, figures out.

    python -m modelward.site.rooms.inspector VIEW           started by the gatekeeper with pipes
    python -m modelward.site.rooms.inspector unit FOLDER    started by systemd, with a socket

It shuts the same doors as the trainer (trainer.py), and shares no memory with it and no
folder that either could write to. A question is a line of JSON,

    {"task": {...}, "cohort": SHA-256, "offer": SHA-256, "full": true, "similarity": 0.999}

and the answer {"figures": {...}} or {"failed": CLASS}. The offer is a canonical bundle that
the gatekeeper wrote, beside the task's model.
"""

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from modelward.site.rooms.trainer import answer, enter_unit, enter_view


class _Desk:
    """The study, its cohort, and what is known about them."""

    def __init__(self, snapshot: Path, handed_in: Path) -> None:
        self._snapshot, self._handed_in = snapshot, handed_in
        self._open: tuple[str, float, Any, Any] | None = None

    def reply(self, line: bytes) -> dict[str, object]:
        """Inspect one offer; return what the gatekeeper is told."""
        from modelward.errors import ModelwardError  # noqa: PLC0415 - behind shut doors

        try:
            return {"figures": self._figures(json.loads(line))}
        except (ModelwardError, ValueError, KeyError, TypeError, MemoryError) as error:
            traceback.print_exc()  # the log stays at the site
            return {"failed": type(error).__name__}

    def _figures(self, asked: dict[str, Any]) -> dict[str, Any]:
        from modelward.artifact.store import Store  # noqa: PLC0415 - behind shut doors
        from modelward.core.task import Task  # noqa: PLC0415
        from modelward.recipes.networks import backbone  # noqa: PLC0415
        from modelward.study.answers import answer_to  # noqa: PLC0415
        from modelward.study.model import Model, model_schema  # noqa: PLC0415

        study, looker = self._looker(str(asked["cohort"]), float(asked["similarity"]))
        backbone.look_in(self._handed_in)
        task, store = Task(**asked["task"]), Store.reading(self._handed_in)
        model = None
        if task.model is not None:
            model = Model.from_tensors(study, store.tensors(task.model, model_schema(study)))
        offered = store.tensors(str(asked["offer"]), answer_to(study, task.kind)[1])
        found: dict[str, Any] = looker.look(
            task, model, offered, full=asked["full"] is True
        ).table()
        return found

    def _looker(self, digest: str, similarity: float) -> tuple[Any, Any]:
        """Return the study and its looker, made when the snapshot is first needed."""
        from modelward.recipes.catalogue import load  # noqa: PLC0415 - behind shut doors
        from modelward.site.answering.inspection import Looker  # noqa: PLC0415
        from modelward.site.isolation.snapshot import read_snapshot  # noqa: PLC0415

        if self._open is None or self._open[:2] != (digest, similarity):
            study, cohort = read_snapshot(self._snapshot, digest)
            load(study.recipe)
            self._open = (digest, similarity, study, Looker(study, cohort, similarity))
        return self._open[2], self._open[3]


def main(arguments: list[str]) -> None:
    """Shut the doors and serve."""
    if arguments[0] == "unit":
        snapshot, _, _ = enter_unit(Path(arguments[1]))
        handed_in = Path(arguments[1]) / "inspection" / snapshot.name / "in"
    else:
        snapshot, handed_in, _ = enter_view(arguments[0])
    answer(_Desk(snapshot, handed_in).reply)


if __name__ == "__main__":
    main(sys.argv[1:])
