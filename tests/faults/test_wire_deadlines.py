"""With deadlines, what comes out is what an undisturbed run over the committed rosters gives.

Sites are stopped beyond the deadline and started again, and hub, server and sites are killed,
while a study with a quorum runs over real processes. Then the same study is run once more, in
one process, without a disturbance: in each task exactly those sites answer whose answers the
hub has committed. The model has to be the same to the last bit.
"""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import copyfile

import pytest

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer
from modelward.engines.jetstream.loopback import federate
from modelward.errors import QuorumNotMet
from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from modelward.site.hospital import Hospital
from tests.faults.test_wire_kills import NAMES, pid_of, releases, sites
from tests.wire import study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

DEADLINE_S = 2.0
AWAY_S = 2.5 * DEADLINE_S
"""Longer than the rest of one question and the whole of the next."""

Disturb = Callable[[Path, Progress], None]
"""Is told the folder and what the hub is doing."""


def disturbed(folder: Path, asked: Study, disturb: Disturb) -> list[tuple[str, ...]]:
    """Run `asked` to its end; return who was combined in each round."""

    def seen(_: str, progress: Progress) -> None:
        disturb(folder, progress)

    while True:
        with suppress(QuorumNotMet):  # two were away at once: committed rounds are kept
            federate(folder / "hub", sites(folder), [asked], seen)
            break
    registry = Registry(folder / "hub")
    try:
        return [record.released for record in registry.state(asked).history]
    finally:
        registry.close()


class Committed:
    """An engine over sites of this process, of which those answer that a hub has committed."""

    def __init__(self, hospitals: dict[str, Hospital], models: Path, heard: Registry) -> None:
        self._hospitals, self._models, self._heard = hospitals, Store(models), heard

    def ask(
        self,
        task: Task,
        sites: Sequence[str],
        *,
        deadline_s: float | None,  # noqa: ARG002 - silence is over at once here
    ) -> Iterator[Answer]:
        """Ask the sites; see `core.ports.Engine`."""
        asked = next(s for s in self._heard.studies() if s.sha256 == task.study)
        released = {
            row.site
            for row in self._heard.answers(asked)
            if row.task == task.id and row.decision == "released"
        }
        if task.kind != "evaluate":  # nobody may have been there to validate
            assert released, f"{task.kind} of round {task.round_no} asks about another model"
        for name in sorted(released & set(sites)):
            yield self._hospitals[name].answer(task, self._models)


def undisturbed(folder: Path, asked: Study, committed: Path) -> str:
    """Run `asked` over the rosters that the hub in `committed` has; return the model's hash."""
    hospitals = {}
    for name, place in sites(folder).items():
        copyfile(committed / name / "site.key", place / "site.key")
        hospitals[name] = Hospital(place, name)
        hospitals[name].join(asked)
    heard, registry = Registry(committed / "hub"), Registry(folder / "hub")
    try:
        engine = Committed(hospitals, registry.store.folder, heard)
        keys = {name: each.door.key.public_key() for name, each in hospitals.items()}
        return Hub(engine, registry, keys).run(asked).sha256
    finally:
        for each in hospitals.values():
            each.close()
        heard.close()
        registry.close()


def kept(folder: Path, asked: Study) -> str:
    """Return the hash of the model that the hub in `folder` keeps."""
    registry = Registry(folder / "hub")
    try:
        return registry.model_of(asked, registry.state(asked).best)
    finally:
        registry.close()


def away(folder: Path, name: str) -> None:
    """Stop a site for longer than a round waits."""
    with suppress(OSError, ValueError):
        process = pid_of(folder, name)
        os.kill(process, signal.SIGSTOP)
        threading.Timer(AWAY_S, lambda: _go_on(process)).start()


def _go_on(process: int) -> None:
    with suppress(OSError):
        os.kill(process, signal.SIGCONT)


def killed(folder: Path, target: str) -> None:
    """Kill a process of the federation."""
    with suppress(OSError, ValueError, IndexError):
        os.kill(pid_of(folder, target), signal.SIGKILL)


def check(folder: Path, asked: Study, disturb: Disturb) -> list[tuple[str, ...]]:
    """Hold a disturbed run against an undisturbed one over its rosters."""
    rosters = disturbed(folder / "disturbed", asked, disturb)

    again = undisturbed(folder / "undisturbed", asked, folder / "disturbed")

    assert again == kept(folder / "disturbed", asked)
    for name in NAMES:
        assert releases(folder / "disturbed" / name) >= sum(name in each for each in rosters)
    return rosters


def test_a_site_that_was_away_and_a_hub_that_died_leave_the_model_of_their_rosters(tmp_path):
    asked = study(rounds=5, extra=f"quorum = 2\ndeadline_s = {DEADLINE_S}")
    died: list[str] = []

    def disturb(folder: Path, now: Progress) -> None:
        begins = now.answered == 0 and now.finished is None
        if begins and (now.kind, now.round_no) == ("evaluate", 1):
            away(folder, "west")
        if begins and (now.kind, now.round_no) == ("train", 4) and not died:
            died.append("hub")
            killed(folder, "hub")

    rosters = check(tmp_path, asked, disturb)

    assert len(rosters) == 5
    assert any("west" not in each for each in rosters), "it was away"
    assert "west" in rosters[-1], "and came back"


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(5))
def test_twenty_rounds_of_kills_and_absences_leave_the_model_of_their_rosters(tmp_path, seed):
    asked = study(rounds=20, extra=f"quorum = 2\ndeadline_s = {DEADLINE_S}")
    draw = random.Random(seed)

    def disturb(folder: Path, _: Progress) -> None:
        if draw.random() < 0.06:
            away(folder, draw.choice(NAMES))
        if draw.random() < 0.04:
            killed(folder, draw.choice(["hub", "server", *NAMES]))

    rosters = check(tmp_path, asked, disturb)

    assert len(rosters) == 20
    assert any(len(each) < len(NAMES) for each in rosters)
