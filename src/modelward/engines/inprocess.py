"""A whole federation on one machine: sites answer in forked single-thread workers.

The same site and gate code as anywhere else, and no network: a task reaches a worker as a
line of JSON, models and artifacts are files that are mapped, never copied through a pipe.
Every site belongs to one worker for the whole run, the longest first (workers.py), so its
data and its ledger are opened once. How many workers there are changes no bit of a result.

Sites and hub witness each other's ledgers as they do over a real wire (ledger/circle.py):
mail goes out with the first task of a round, and comes back with its answers.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import MASK_PHASES, Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.engines.workers import Workers, assign
from modelward.errors import ModelwardError
from modelward.gate.policy import Policy
from modelward.hub.switchboard import Switchboard
from modelward.learn.group import SIZE
from modelward.ledger import mail
from modelward.ledger.log import ENTRIES
from modelward.ledger.mail import Mail
from modelward.privacy.plan import plan_of
from modelward.recipes.catalogue import load
from modelward.site.approving.keys import signing_key
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
        switchboard: The hub among the witnesses; nobody witnesses anything if absent.
    """

    def __init__(
        self,
        studies: Sequence[Study],
        sites: Mapping[str, Path],
        models: Path,
        *,
        workers: int,
        policy: Policy | None = None,
        switchboard: Switchboard | None = None,
    ) -> None:
        self._outboxes = {name: Store(folder / "outbox") for name, folder in sites.items()}
        self._sites = dict(sites)
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
        self._switchboard, self._met = switchboard, set[str]()

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites`; see `core.ports.Engine`.

        Raises:
            EngineFailed: If a worker died.
            ModelwardError: What stopped a site, with its name in front.
        """
        wanted = set(sites)
        self._compare(wanted - self._met)
        for site in sorted(wanted):
            if self._switchboard is not None and self._switchboard.stopped(origin(site)):
                wanted.discard(site)
                yield Refusal(site, task.id)
        first = task.kind != "evaluate" and task.phase in {None, MASK_PHASES[0]}
        mailed = wanted if first else set[str]()
        for site, digest in self._round(task, wanted, mailed, deadline_s):
            yield self._answer(task, site, digest)

    def witness(self) -> None:
        """Have everything that the sites have recorded witnessed, and kept, now.

        Raises:
            EngineFailed: If a worker died.
        """
        self._exchange(self._met)

    def _compare(self, new: set[str]) -> None:
        """Hold the ledgers of sites that are asked for the first time against witnesses."""
        self._exchange({s for s in new if (self._sites[s] / "ledger" / ENTRIES).exists()})
        self._met |= new

    def _exchange(self, sites: set[str]) -> None:
        """Show, look, take: three times mail without a task."""
        for _ in range(3 if self._switchboard is not None and sites else 0):
            for _ in self._round(None, sites, sites, None):
                pass

    def _round(
        self, task: Task | None, wanted: set[str], mailed: set[str], deadline_s: float | None
    ) -> Iterator[tuple[str, str | None]]:
        """Ask every site in `wanted`, with mail for those in `mailed`; yield the answers."""
        together = task is not None and task.kind == "train" and task.study in self._grouped
        messages = [
            [
                self._asked(task, places, mailed, together=together)
                for job in queue
                for places in self._places(job, wanted, together)
            ]
            for queue in self._queues
        ]
        for _, _, reply in self._workers.answers(messages, deadline_s=deadline_s):
            found = json.loads(reply)
            for site, body in found["mail"].items():
                if self._switchboard is not None:
                    self._switchboard.incoming(origin(site), mail.from_body(body))
            yield from found["answers"].items()

    def _asked(
        self, task: Task | None, places: Mapping[int, str], mailed: set[str], *, together: bool
    ) -> bytes:
        """Return what a worker is asked: mail, and one task, for the sites at these places."""
        board = self._switchboard
        letters = (
            {}
            if board is None
            else {
                site: board.outgoing(origin(site)).body()
                for site in places.values()
                if site in mailed
            }
        )
        message = {
            "task": None if task is None else asdict(task),
            "places": places,
            "together": together,
            "mail": letters,
        }
        return json.dumps(message).encode()

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
        places = {int(place): site for place, site in asked["places"].items()}
        try:
            hospitals = {place: self._hospital(site) for place, site in places.items()}
            replies = {
                site: self._open[site].circle.exchange(mail.from_body(body))
                for site, body in asked["mail"].items()
            }
            answers = self._answers(asked, hospitals)
        except ModelwardError as error:
            where = ", ".join(places.values())
            raise type(error)(
                f"{where}: {error.what}", why=error.why, remedy=error.remedy
            ) from error
        letters = {
            site: Mail(shown=self._open[site].circle.show(), replies=found).body()
            for site, found in replies.items()
        }
        found = {answer.site: _digest(answer) for answer in answers}
        return json.dumps({"answers": found, "mail": letters}).encode()

    def _answers(
        self, asked: Mapping[str, Any], hospitals: dict[int, Hospital]
    ) -> list[Answer]:
        """Return what the sites answer to the task, if there is one."""
        if asked["task"] is None:
            return []
        task, models = Task(**asked["task"]), Store(self._models)
        if asked["together"]:
            return list(answer_together(hospitals, task, models).values())
        return [each.answer(task, models) for each in hospitals.values()]

    def _hospital(self, site: str) -> Hospital:
        if site not in self._open:
            hospital = Hospital(self._sites[site], site, policy=self._policy)
            for study in self._studies:
                masked = study.privacy.aggregation is not None
                hospital.join(study, self._roster() if masked else None)
            self._open[site] = hospital
        return self._open[site]

    def _roster(self) -> dict[str, str]:
        """Return the public key of every site; here they come from the sites' folders."""
        return {
            site: signing_key(folder / "site.key").public_key().public_bytes_raw().hex()
            for site, folder in self._sites.items()
        }


def origin(site: str) -> str:
    """Return the name of a site's ledger."""
    return f"modelward/{site}"


def _digest(answer: Answer) -> str | None:
    """Return the hash of a released artifact; None for a refusal."""
    return answer.artifact.card.sha256 if isinstance(answer, Release) else None


def _size(folder: Path) -> float:
    """Return the bytes of a site's data, the measure of how long its training takes."""
    return float(sum(path.stat().st_size for path in folder.glob("data.*")))
