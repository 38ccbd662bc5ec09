"""A whole federation on one machine: sites answer in forked single-thread workers.

The same site and gate code as anywhere else, and no network: a task reaches a worker as a
line of JSON, models and artifacts are files that are mapped, never copied through a pipe.
Every site belongs to one worker for the whole run, the longest first (workers.py), so its
data and its ledger are opened once. How many workers there are changes no bit of a result.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.engines.workers import Workers, assign
from modelward.errors import ModelwardError
from modelward.gate.policy import Policy
from modelward.recipes.catalogue import load
from modelward.site.hospital import Hospital

REFUSED = "refused"
"""What a worker says of a task whose answer may not leave; else the artifact's hash."""


class InProcess:
    """Sites in folders of this machine, asked through forked workers.

    Args:
        studies: What the sites take part in.
        sites: Name -> folder.
        models: Where the hub stores the models it asks about.
        workers: Number of processes; fork happens here.
        policy: The policy of every site.
    """

    def __init__(
        self,
        studies: Sequence[Study],
        sites: Mapping[str, Path],
        models: Path,
        *,
        workers: int,
        policy: Policy | None = None,
    ) -> None:
        self._names = list(sites)
        self._outboxes = {name: Store(folder / "outbox") for name, folder in sites.items()}
        for study in studies:
            load(study.recipe)
        count = max(1, min(workers, len(sites)))
        self._queues = assign([_size(folder) for folder in sites.values()], count)
        self._workers = Workers(count, _Desk(studies, sites, models, policy))

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites`; see `core.ports.Engine`.

        Raises:
            EngineFailed: If a worker died.
            ModelwardError: What stopped a site, with its name in front.
        """
        asked = {
            "study": task.study,
            "round_no": task.round_no,
            "kind": task.kind,
            "model": task.model,
        }
        queues = [
            [self._names[place] for place in queue if self._names[place] in sites]
            for queue in self._queues
        ]
        messages = [
            [json.dumps({"site": site, **asked}).encode() for site in queue] for queue in queues
        ]
        for worker, place, reply in self._workers.answers(messages, deadline_s=deadline_s):
            site, digest = queues[worker][place], reply.decode()
            if digest == REFUSED:
                yield Refusal(site, task.id)
            else:
                artifact = self._outboxes[site].artifact(digest, task.id)
                yield Release(site, task.id, artifact)

    def close(self) -> None:
        """End the workers."""
        self._workers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Desk:
    """What runs in a worker: hospitals, opened when they are first asked."""

    def __init__(
        self,
        studies: Sequence[Study],
        sites: Mapping[str, Path],
        models: Path,
        policy: Policy | None,
    ) -> None:
        self._studies, self._sites, self._policy = studies, sites, policy
        self._models = models
        self._open: dict[str, Hospital] = {}

    def __call__(self, message: bytes) -> bytes:
        asked = json.loads(message)
        site = asked.pop("site")
        try:
            answer = self._hospital(site).answer(Task(**asked), Store(self._models))
        except ModelwardError as error:
            raise type(error)(
                f"{site}: {error.what}", why=error.why, remedy=error.remedy
            ) from error
        if isinstance(answer, Release):
            return answer.artifact.card.sha256.encode()
        return REFUSED.encode()

    def _hospital(self, site: str) -> Hospital:
        if site not in self._open:
            hospital = Hospital(self._sites[site], site, policy=self._policy)
            for study in self._studies:
                hospital.join(study)
            self._open[site] = hospital
        return self._open[site]


def _size(folder: Path) -> float:
    """Return the bytes of a site's data, the measure of how long its training takes."""
    return float(sum(path.stat().st_size for path in folder.glob("data.*")))
