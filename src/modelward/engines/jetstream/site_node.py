"""A site that runs: its hospital, and its end of the wire.

Studies that the site takes part in lie in `studies/` of its folder as canonical JSON; one
that is put there is joined when its first task comes. Who may put it there, and after
whose approval, is decided before.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from modelward import durable
from modelward.artifact.store import Store
from modelward.core.canonical import canonical_bytes
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.site_end import SiteEnd
from modelward.joining.site_folder import SiteFolder
from modelward.site.hospital import Hospital
from modelward.study.read import from_json


class SiteNode:
    """A running site.

    Args:
        path: Its folder.
        journal: Is told what happens.
        now: The time.
        url: Where to dial instead of the hub's own address, such as a local tunnel; who
            answers there must still be the hub's server.

    Raises:
        NotAdmitted: If it has not joined, or its certificate cannot be used now.
        StorageError: If another process serves this folder.
    """

    def __init__(
        self,
        path: Path,
        journal: Journal,
        now: Callable[[], datetime],
        *,
        url: str | None = None,
    ) -> None:
        self.folder = SiteFolder(path)
        self.folder.check(now())
        dialled = folders.site_identity(self.folder)
        if url is not None:
            dialled = replace(dialled, url=url)
        self._hospital = Hospital(path, self.folder.name, clock=now)
        self.end = SiteEnd(
            _Joined(self._hospital),
            dialled,
            self.folder.key,
            self.folder.hub_key,
            path,
            journal,
        )
        self.end.on_certificate = lambda pem: self.folder.renew(pem, now())

    def serve(self) -> None:
        """Serve until `stop` is called. Blocks."""
        try:
            self.end.run()
        finally:
            self._hospital.close()

    def stop(self) -> None:
        """End `serve`, from any thread or from a signal; a task in hand is finished."""
        self.end.stop()


class _Joined:
    """A hospital that looks for studies it does not know yet."""

    def __init__(self, hospital: Hospital) -> None:
        self._hospital = hospital
        self._known: set[str] = set()

    @property
    def name(self) -> str:
        return self._hospital.name

    def answer(self, task: Task, models: Store, /) -> Answer:
        if task.study not in self._known:
            for path in sorted((self._hospital.folder / "studies").glob("*.json")):
                study = from_json(path.read_bytes())
                self._hospital.join(study)
                self._known.add(study.sha256)
        return self._hospital.answer(task, models)


def take_part(folder: Path, study: Study) -> None:
    """Have the site in `folder` take part in `study`."""
    durable.make_folder(folder / "studies")
    path = folder / "studies" / f"{study.sha256}.json"
    durable.write_whole(path, canonical_bytes(study.model_dump(mode="json")))
