"""A whole federation on one machine: sites answer in forked single-thread workers.

The same site and gate code as anywhere else, and no network: a task reaches a worker as a
line of JSON, models and artifacts are files that are mapped, never copied through a pipe.
Every site belongs to one worker for the whole run, the longest first (workers.py), so its
data and its ledger are opened once. How many workers there are changes no bit of a result.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
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
from modelward.learn.group import SIZE
from modelward.privacy.plan import plan_of
from modelward.recipes.catalogue import load
from modelward.site.hospital import Hospital
from modelward.site.together import answer_together, in_groups


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
        self._outboxes = {name: Store(folder / "outbox") for name, folder in sites.items()}
        for study in studies:
            load(study.recipe)
            if study.privacy.dp is not None:
                plan_of(study)  # priced once, before the fork
        self._grouped = {s.sha256 for s in studies if in_groups(s, len(sites))}
        names, width = list(sites), SIZE if self._grouped else 1
        self._jobs = [names[first : first + width] for first in range(0, len(names), width)]
        count = max(1, min(workers, len(self._jobs)))
        sizes = [sum(_size(sites[name]) for name in job) for job in self._jobs]
        self._queues = assign(sizes, count)
        self._workers = Workers(count, _Desk(studies, sites, models, policy))

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites`; see `core.ports.Engine`.

        Raises:
            EngineFailed: If a worker died.
            ModelwardError: What stopped a site, with its name in front.
        """
        together = task.kind == "train" and task.study in self._grouped
        wanted = set(sites)
        messages = [
            [
                _asked(task, places, together=together)
                for job in queue
                for places in self._places(job, wanted, together)
            ]
            for queue in self._queues
        ]
        for _, _, reply in self._workers.answers(messages, deadline_s=deadline_s):
            for site, digest in json.loads(reply).items():
                yield self._answer(task, site, digest)

    def _places(self, job: int, wanted: set[str], together: bool) -> list[dict[int, str]]:  # noqa: FBT001
        """Return place -> site for every message of a job: a whole group, or one site each."""
        places = {p: site for p, site in enumerate(self._jobs[job]) if site in wanted}
        if together:
            return [places] if places else []
        return [{place: site} for place, site in places.items()]

    def _answer(self, task: Task, site: str, digest: str | None) -> Answer:
        if digest is None:
            return Refusal(site, task.id)
        return Release(site, task.id, self._outboxes[site].artifact(digest, task.id))

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
        task, models = Task(**asked["task"]), Store(self._models)
        places = {int(place): site for place, site in asked["places"].items()}
        try:
            hospitals = {place: self._hospital(site) for place, site in places.items()}
            if asked["together"]:
                answers = list(answer_together(hospitals, task, models).values())
            else:
                answers = [each.answer(task, models) for each in hospitals.values()]
        except ModelwardError as error:
            where = ", ".join(places.values())
            raise type(error)(
                f"{where}: {error.what}", why=error.why, remedy=error.remedy
            ) from error
        return json.dumps({answer.site: _digest(answer) for answer in answers}).encode()

    def _hospital(self, site: str) -> Hospital:
        if site not in self._open:
            hospital = Hospital(self._sites[site], site, policy=self._policy)
            for study in self._studies:
                hospital.join(study)
            self._open[site] = hospital
        return self._open[site]


def _asked(task: Task, places: Mapping[int, str], *, together: bool) -> bytes:
    """Return what a worker is asked: one task, for the sites at these places."""
    message = {"task": asdict(task), "places": places, "together": together}
    return json.dumps(message).encode()


def _digest(answer: Answer) -> str | None:
    """Return the hash of a released artifact; None for a refusal."""
    return answer.artifact.card.sha256 if isinstance(answer, Release) else None


def _size(folder: Path) -> float:
    """Return the bytes of a site's data, the measure of how long its training takes."""
    return float(sum(path.stat().st_size for path in folder.glob("data.*")))
