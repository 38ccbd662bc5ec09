"""A whole federation on one machine: sites answer in forked single-thread workers.

The same site and gate code as anywhere else, and no network: a task reaches a worker as a
line of JSON, models and artifacts are files that are mapped, never copied through a pipe.
Every site belongs to one worker for the whole run, the longest first (workers.py), so its
data and its ledger are opened once. How many workers there are changes no bit of a result.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

from modelward import errors
from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.engines.workers import Workers, assign
from modelward.errors import EngineFailed, ModelwardError
from modelward.gate.policy import Policy
from modelward.site.hospital import Hospital


class InProcess:
    """Sites in folders of this machine, asked through forked workers.

    Args:
        studies: What the sites take part in.
        sites: Name -> folder.
        models: Where the hub stores the models it asks about.
        workers: Number of processes; fork happens here.
        policy: The policy of every site.
        clock: Seconds from a monotonic clock, for deadlines.
    """

    def __init__(
        self,
        studies: Sequence[Study],
        sites: Mapping[str, Path],
        models: Path,
        *,
        workers: int,
        policy: Policy | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._outboxes = {name: Store(folder / "outbox") for name, folder in sites.items()}
        self._clock = clock
        sizes = [_size(folder) for folder in sites.values()]
        count = max(1, min(workers, len(sites)))
        self._desk = dict(zip(sites, assign(sizes, count), strict=True))
        self._workers = Workers(count, _Desk(studies, sites, models, policy))
        self._busy: dict[int, str] = {}

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites`; see `core.ports.Engine`."""
        until = None if deadline_s is None else self._clock() + deadline_s
        queues: dict[int, list[str]] = {}
        for site in sites:
            queues.setdefault(self._desk[site], []).append(site)
        waiting = set(sites)
        while waiting:
            for worker, queue in queues.items():
                if queue and worker not in self._busy:
                    self._send(worker, task, queue.pop(0))
            left = None if until is None else max(0.0, until - self._clock())
            arrived = self._workers.receive(left)
            if arrived is None:
                return
            worker, message = arrived
            self._busy.pop(worker, None)
            reply = json.loads(message)
            if reply["task"] == task.id:
                waiting.discard(reply["site"])
                yield self._answer(task, reply)

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

    def _send(self, worker: int, task: Task, site: str) -> None:
        self._busy[worker] = site
        asked = {
            "site": site,
            "study": task.study,
            "round_no": task.round_no,
            "kind": task.kind,
            "model": task.model,
        }
        self._workers.send(worker, json.dumps(asked).encode())

    def _answer(self, task: Task, reply: dict[str, Any]) -> Answer:
        site = reply["site"]
        if "error" in reply:
            raise rebuilt(reply["error"], site)
        if reply["sha256"] is None:
            return Refusal(site, task.id)
        return Release(site, task.id, self._outboxes[site].artifact(reply["sha256"], task.id))


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
        task = Task(**asked)
        reply: dict[str, Any] = {"site": site, "task": task.id, "sha256": None}
        try:
            answer = self._hospital(site).answer(task, Store(self._models))
            if isinstance(answer, Release):
                reply["sha256"] = answer.artifact.card.sha256
        except ModelwardError as error:
            reply["error"] = {
                "class": type(error).__name__,
                "what": error.what,
                "why": error.why,
                "remedy": error.remedy,
            }
        return json.dumps(reply).encode()

    def _hospital(self, site: str) -> Hospital:
        if site not in self._open:
            hospital = Hospital(self._sites[site], site, policy=self._policy)
            for study in self._studies:
                hospital.join(study)
            self._open[site] = hospital
        return self._open[site]


def rebuilt(fields: Mapping[str, str], site: str) -> ModelwardError:
    """Return an error that crossed a pipe, with the site's name in front."""
    found = getattr(errors, fields["class"], EngineFailed)
    kind = (
        found if isinstance(found, type) and issubclass(found, ModelwardError) else EngineFailed
    )
    return kind(f"{site}: {fields['what']}", why=fields["why"], remedy=fields["remedy"])


def _size(folder: Path) -> float:
    """Return the bytes of a site's data, the measure of how long its training takes."""
    return float(sum(path.stat().st_size for path in folder.glob("data.*")))
