"""What comes in: a task is held against what was asked before, and remembered if it is let in.

    SITE/intake/STUDY/seen.json    what was asked before, and the last model that was let in
    SITE/intake/STUDY/             that model

The checks are pure (intake.py, transcripts.py); here is the memory that they need. What is
let in is on disk, and a receipt of its model in the ledger, before any data are touched.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.core.verdict import Finding
from modelward.errors import BadArtifact, StorageError
from modelward.ledger import kinds
from modelward.ledger.log import Ledger
from modelward.site.entering import intake, transcripts
from modelward.site.entering.intake import Seen
from modelward.site.entering.transcripts import Told
from modelward.study.model import Model, model_schema
from modelward.study.transcript import Transcript

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Kept(BaseModel):
    """What seen.json holds."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    asked: list[tuple[Annotated[int, Field(ge=0)], TaskKind, Digest]]
    age: int | None
    model: Digest | None


_kept: TypeAdapter[_Kept] = TypeAdapter(_Kept)


class Entrance:
    """The memory of one site.

    Args:
        folder: Where it lies.
        ledger: The site's ledger, which gets a receipt of every model.
    """

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder, self._ledger = folder, ledger

    def enter(self, task: Task, study: Study, models: Store) -> tuple[Finding, ...]:
        """Return what speaks against `task`; remember it if nothing does.

        The exchanges of a masked sum are about one question, which is let in once, with the
        first of them: the others bring no model.

        Args:
            task: A task of `study`.
            study: A study that was approved.
            models: Where the model that it brings has been put.

        Raises:
            StorageError: If it cannot be remembered; then no data may be touched.
        """
        asked, seen = task.question, self.seen(study)
        known = intake.known(asked, seen)
        findings = transcripts.task_objections(asked, self.told(study))
        if not findings and not known:
            findings = intake.exchange_objections(task) or self._objections(
                asked, study, seen, models
            )
        if not findings and not known:
            self._let_in(asked, study, seen, models)
        return findings

    def seen(self, study: Study) -> Seen:
        """Return what was asked before.

        Raises:
            StorageError: If the memory is damaged.
        """
        path = self._store(study).folder / "seen.json"
        try:
            kept = _kept.validate_json(path.read_bytes(), strict=True)
            asked = {(round_no, kind): id_ for round_no, kind, id_ in kept.asked}
            return Seen(asked=asked, age=kept.age, model=kept.model)
        except FileNotFoundError:
            return Seen()
        except ValueError as error:
            raise StorageError(
                f"{path} is damaged",
                why="without it a question could be asked a second time in another way",
                remedy="restore it from a backup, or withdraw from the study",
            ) from error

    def told(self, study: Study) -> Told | None:
        """Return what is remembered of the study's transcripts; None before the first."""
        return transcripts.recall(self._store(study).folder)

    def answered(self, study: Study, site: str, said: Transcript) -> str:
        """Return the id of the earlier task that the site's input of a transcript answers.

        "" if it answers that of its own round; what no task has if it was never asked.
        """
        own = said.asked_in(site)
        if own == said.round_no:
            return ""
        return self.seen(study).asked.get((own, intake.trains(study)), "never asked")

    def remember(self, study: Study, told: Told) -> None:
        """Keep what the study's transcripts have said."""
        transcripts.remember(self._store(study).folder, told)

    def _objections(
        self, task: Task, study: Study, seen: Seen, models: Store
    ) -> tuple[Finding, ...]:
        found = intake.task_objections(task, study, seen)
        if found or task.model is None:
            return found
        try:
            model = _model(study, models, task.model)
        except BadArtifact as error:
            return (Finding("intake-model", error.what, error.remedy),)
        before = None if seen.model is None else _model(study, self._store(study), seen.model)
        return intake.model_objections(task, model, seen, before)

    def _let_in(self, task: Task, study: Study, seen: Seen, models: Store) -> None:
        """Remember the task, on disk, before any data are touched for it."""
        after, store = seen.after(task), self._store(study)
        if after.model is not None and after.model != seen.model:
            _keep(models.path(after.model), store.path(after.model))
        asked = [[round_no, kind, id_] for (round_no, kind), id_ in after.asked.items()]
        table = {**asdict(after), "asked": asked}
        if task.model is not None and after.model != seen.model:
            self._ledger.append(
                kinds.fields(
                    "receipt",
                    study=study.sha256,
                    round=task.round_no,
                    sha256=task.model,
                    bytes=models.path(task.model).stat().st_size,
                    source="hub",
                )
            )
        durable.write_whole(store.folder / "seen.json", canonical_bytes(table))
        if seen.model is not None and seen.model != after.model:
            store.path(seen.model).unlink(missing_ok=True)

    def _store(self, study: Study) -> Store:
        return Store(self._folder / study.sha256)


def _model(study: Study, store: Store, digest: str) -> Model:
    return Model.from_tensors(study, store.tensors(digest, model_schema(study)))


def _keep(source: Path, target: Path) -> None:
    """Have the bytes of `source` at `target` too, without a copy where that is possible."""
    try:
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            durable.write_whole(target, _blocks(source))
        durable.sync_folder(target.parent)
    except OSError as error:
        raise durable.cannot_write(target, error) from error


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, a mebibyte at a time."""
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            yield block
