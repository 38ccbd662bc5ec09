"""What a site keeps of its own between the rounds of a study; it is sent to nobody.

    SITE/kept/STUDY/ROUND-TASK.safetensors      controls, own layers, own model (study/own.py)
    SITE/left-out/STUDY/ROUND-TASK.safetensors  what coded updates left out (gate/uplink.py)

Written whole before the gate decides, and named by the task that is decided: what counts is
the newest whose task the ledger says was released. So a site that was killed anywhere, or
whose gate refused, goes on from what the hub has combined, with the same bits. A file that
should be there and is not is an error, never a fresh start.

Own layers belong to the round of the model that is kept in the end, so they are kept for all
rounds; everything else for the last two.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from modelward import durable
from modelward.artifact import bundle
from modelward.core.canonical import Json
from modelward.core.study import Study
from modelward.core.task import LOOKS_AT, Task
from modelward.core.tensors import Schema, Tensors
from modelward.errors import StorageError
from modelward.study.own import LAYERS, kept_schema

SUFFIX = ".safetensors"


class Decisions(Protocol):
    """What is needed of a ledger."""

    def find(self, task: str) -> Mapping[str, Json] | None:
        """Return the entry that decides `task`, or None."""
        ...

    def __iter__(self) -> Iterator[Mapping[str, Json]]:
        """Yield all entries."""
        ...


class Kept:
    """A site's own memory of its studies.

    Args:
        folder: `SITE/kept`; made when something is first kept.
        ledger: The site's ledger.
        schema_of: What is kept of a study; None if nothing is.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Decisions,
        schema_of: Callable[[Study], Schema | None] = kept_schema,
    ) -> None:
        self._folder, self._ledger, self._schema_of = folder, ledger, schema_of

    def before(self, study: Study, task: Task) -> Tensors:
        """Return what the site has kept when it answers `task`; empty before its first round.

        Raises:
            StorageError: If it released a round and what it kept of that is gone.
            BadArtifact: If the file is damaged.
        """
        schema = self._schema_of(study)
        if schema is None or task.kind not in {"train", *LOOKS_AT}:
            return {}
        last = task.round_no if task.kind in LOOKS_AT else task.round_no - 1
        for round_no, decided, path in reversed(self._files(study)):
            entry = self._ledger.find(decided) if round_no <= last else None
            if entry is not None and entry["kind"] == "release":
                return bundle.parse(path.read_bytes(), schema)
        if any(_is_release(entry, study, last) for entry in self._ledger):
            raise StorageError(
                f"what this site kept of study {study.id!r} is not in {self._folder}",
                why="going on without it would train another model than was begun",
                remedy="restore the folder from the backup that the ledger came from",
            )
        return {}

    def put(self, study: Study, task: Task, tensors: Tensors) -> None:
        """Keep `tensors` for the rounds after `task`, on disk when this returns.

        Raises:
            StorageError: If it cannot be written.
            BadArtifact: If it is not what the study keeps.
        """
        schema = self._schema_of(study)
        if schema is None:
            return
        folder = self._folder / study.sha256
        durable.make_folder(folder)
        path = folder / f"{task.round_no:06d}-{task.id}{SUFFIX}"
        durable.write_whole(path, bundle.encode(tensors, schema))
        personal = study.plan.personal
        if personal is None or personal.kind not in LAYERS:
            self._forget(study, task.round_no - 1)

    def _forget(self, study: Study, first: int) -> None:
        """Remove what was kept before round `first`, but the newest that was released."""
        released = [
            (number, path)
            for number, decided, path in self._files(study)
            if (entry := self._ledger.find(decided)) and entry["kind"] == "release"
        ]
        for number, path in released[:-1]:
            if number < first:
                path.unlink(missing_ok=True)

    def _files(self, study: Study) -> list[tuple[int, str, Path]]:
        """Return round, task and path of what is kept, oldest round first."""
        found = []
        for path in (self._folder / study.sha256).glob(f"*{SUFFIX}"):
            number, _, decided = path.name.removesuffix(SUFFIX).partition("-")
            found.append((int(number), decided, path))
        return sorted(found)


def _is_release(entry: Mapping[str, Json], study: Study, last: int) -> bool:
    """Return whether an entry says that an update of `study` left in round `last` or before."""
    round_no = entry.get("round")
    return (
        entry["kind"] == "release"
        and entry.get("study") == study.sha256
        and entry.get("artifact") in {"update", "mask-keys"}
        and isinstance(round_no, int)
        and 1 <= round_no <= last
    )
