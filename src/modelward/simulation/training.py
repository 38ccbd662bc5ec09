"""The training of a simulated federation: hub and sites, in process or over the real wire.

Both ways run the same hub code over the same site code; the wire changes no bit of a result.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from os import sched_getaffinity
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.core.clock import now
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer
from modelward.engines.inprocess import InProcess
from modelward.engines.jetstream.loopback import WireFigures, federate
from modelward.errors import EngineFailed
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Outcome, Progress
from modelward.hub.standing import AnswerRow
from modelward.hub.switchboard import Switchboard
from modelward.ledger.note import VerifierKey
from modelward.simulation.folder import RunFolder
from modelward.simulation.stage import Stage
from modelward.site.approving.keys import signing_key

Watch = Callable[[Stage], None]
Wire = Literal["inprocess", "jetstream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What a run may use, none of which changes a bit of its result.

    Attributes:
        workers: Processes for work on this machine; one per core if None.
        wire: How hub and sites talk.
        watch: Is shown the stages.
    """

    workers: int | None = None
    wire: Wire = "inprocess"
    watch: Watch = lambda _: None

    @property
    def count(self) -> int:
        """Number of worker processes."""
        return self.workers or len(sched_getaffinity(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Finished studies.

    Attributes:
        outcomes: Name of each study -> its outcome.
        answers: What the sites answered in the first one.
        wire: What the wire carried, if there was one.
    """

    outcomes: dict[str, Outcome]
    answers: list[AnswerRow]
    wire: WireFigures | None = None


def train(
    folder: RunFolder, studies: Mapping[str, Study], names: Sequence[str], how: How
) -> Trained:
    """Train every study over the same sites, going on where each stands.

    Args:
        folder: The run.
        studies: Name -> study.
        names: The sites.
        how: Means.

    Raises:
        QuorumNotMet: If too few sites release an answer.
        EngineFailed: If processes die.
    """
    if how.wire == "inprocess":
        return _in_process(folder, studies, names, how)
    shown = {study.sha256: (name, study) for name, study in studies.items()}

    def seen(study: str, progress: Progress) -> None:
        name, found = shown[study]
        _show(how.watch, name, found, progress)

    sites = {name: folder.sites / name for name in names}
    figures = federate(folder.hub, sites, list(studies.values()), seen)
    return _stored(folder, studies, names, figures)


def _in_process(
    folder: RunFolder, studies: Mapping[str, Study], names: Sequence[str], how: How
) -> Trained:
    sites = {name: folder.sites / name for name in names}
    keys = {name: signing_key(path / "site.key").public_key() for name, path in sites.items()}
    with ExitStack() as stack:
        registry = stack.enter_context(closing(Registry(folder.hub)))
        board = stack.enter_context(closing(_switchboard(folder, keys)))
        engine = stack.enter_context(
            InProcess(
                list(studies.values()),
                sites,
                registry.store.folder,
                workers=how.count,
                switchboard=board,
            )
        )
        outcomes = {}
        for name, study in studies.items():
            shown = partial(_show, how.watch, name, study)
            outcomes[name] = Hub(engine, registry, keys, watch=shown).run(study)
        engine.witness()
        first = next(iter(studies.values()))
        return Trained(outcomes=outcomes, answers=registry.answers(first))


def _switchboard(folder: RunFolder, keys: Mapping[str, Ed25519PublicKey]) -> Switchboard:
    """Return the hub of a simulation as a witness of its sites."""
    board = Switchboard(folder.hub, signing_key(folder.hub / "hub.key"), now)
    board.meet(
        VerifierKey(f"modelward/{site}", key.public_bytes_raw()) for site, key in keys.items()
    )
    return board


def _stored(
    folder: RunFolder,
    studies: Mapping[str, Study],
    names: Sequence[str],
    figures: WireFigures,
) -> Trained:
    """Return what another process's hub has finished, from its registry."""
    keys = {name: signing_key(folder.sites / name / "site.key").public_key() for name in names}
    registry = Registry(folder.hub)
    try:
        hub = Hub(_Nobody(), registry, keys)
        outcomes = {name: hub.run(study) for name, study in studies.items()}
        answers = registry.answers(next(iter(studies.values())))
        return Trained(outcomes=outcomes, answers=answers, wire=figures)
    finally:
        registry.close()


class _Nobody:
    """The engine of a hub that has nothing left to ask."""

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        raise EngineFailed(
            f"round {task.round_no} is not finished ({len(sites)} sites, {deadline_s} s)",
            why="the hub's process said that it was",
            remedy="run the same command again: finished rounds are kept",
        )


def _show(watch: Watch, name: str, study: Study, progress: Progress) -> None:
    """Pass the hub's progress on, in the simulation's words."""
    finished = progress.finished
    metric = study.stop.metric
    value = finished.metrics.get(metric) if finished and metric else None
    watch(
        Stage(
            name=name,
            done=progress.round_no if finished else max(0, progress.round_no - 1),
            total=study.plan.rounds,
            answered=progress.answered,
            asked=progress.asked,
            metric=None if metric is None or value is None else (metric, value),
        )
    )
