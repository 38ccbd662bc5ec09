"""FedBuff over JetStream: a slow site holds nobody up, and SIGKILL of the hub loses nothing."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_hub.serving import Manner
from modelward.engines.jetstream.at_site.site_node import SiteNode
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.loopback import federate
from modelward.hub.registry import Registry
from modelward.hub.reported import counted
from modelward.hub.round import RoundRecord
from modelward.hub.transcript import of_round
from modelward.ledger.verify import verify
from modelward.site.entering.transcripts import recall
from modelward.site.rooms.direct import DirectTrainer
from modelward.study.read import parse
from tests.contract.test_a_silent_site import told, until
from tests.faults.test_wire_kills import NAMES, pid_of, sites
from tests.replays import check_replays, everything
from tests.wire import LIMITS, STUDY_FILE, Federation, now

pytestmark = [pytest.mark.engine, pytest.mark.slow]


def buffered(rounds: int, more: str = "") -> Any:
    text = STUDY_FILE.replace("ROUNDS", f'{rounds}\nstrategy = "fedbuff"')
    text = text.replace("EXTRA", "").replace('\n[stop]\nmetric = "loss"\n', "")
    return parse(f"{text}\n[plan.buffer]\nsize = 2\n{more}")


class Held(DirectTrainer):
    """Trains when it is let go."""

    def __init__(self, folder: Path, site: str, go: threading.Event) -> None:
        super().__init__(folder, site)
        self._go = go

    @override
    def compute(self, task: Any, *others: Any, **named: Any) -> Any:
        """Wait, where something is to be trained."""
        if task.kind == "train":
            self._go.wait(60)
        return super().compute(task, *others, **named)


@contextmanager
def held(folder: Path, go: threading.Event) -> Iterator[None]:
    """Run a site that trains once `go` is set."""
    trainer = Held(folder, folder.name, go)
    node = SiteNode(folder, silent, now, trainer=trainer, compare_s=0)
    serving = threading.Thread(target=node.serve)
    serving.start()
    try:
        yield
    finally:
        go.set()
        node.stop()
        serving.join()


def test_a_slow_site_holds_nobody_up_and_its_answer_is_used_when_it_comes(tmp_path):
    study, go = buffered(200), threading.Event()
    made = Federation(tmp_path / "wire", NAMES, study)
    rounds: list[RoundRecord] = []

    def watch(_: object, progress: Any) -> None:
        if progress.finished is not None:
            rounds.append(progress.finished)

    node = HubNode(made.hub, silent, Manner(watch=watch, unasked=True), LIMITS)
    hub = threading.Thread(target=node.serve, args=(now,))
    with ExitStack() as stack:
        hub.start()
        stack.callback(hub.join)
        stack.callback(node.stop)
        stack.enter_context(made.node("north"))
        stack.enter_context(made.node("south"))
        stack.enter_context(held(made.sites["west"], go))
        until(lambda: len(rounds) >= 4)
        assert all("west" not in each.released for each in rounds[:4])
        go.set()
        until(lambda: any("west" in each.released for each in rounds))
        until(lambda: sum("west" in each.released for each in rounds) > 1)

    transcripts = told(made.sites["north"], study.sha256)
    first = next(each for each in transcripts[1:] if "west" in {i.site for i in each.inputs})
    assert first.asked_in("west") == 1 < first.round_no - 3
    found = recall(made.sites["west"] / "intake" / study.sha256)
    assert found is not None
    assert found.fault is None
    check_replays(transcripts, study, everything(tmp_path / "wire", tmp_path / "everything"))


@pytest.mark.parametrize(
    ("rounds", "at"),
    [
        (3, 5),
        pytest.param(8, 6, marks=pytest.mark.exhaustive),
        pytest.param(8, 15, marks=pytest.mark.exhaustive),
    ],
)
def test_a_hub_that_is_killed_goes_on_with_the_open_questions(tmp_path, rounds, at):
    study, events = buffered(rounds, "[report]\n"), []

    def seen(_: str, progress: Any) -> None:
        events.append(progress)
        if len(events) == at:
            os.kill(pid_of(tmp_path, "hub"), signal.SIGKILL)

    federate(tmp_path / "hub", sites(tmp_path), [study], seen)

    registry = Registry(tmp_path / "hub")
    transcripts = [of_round(registry, study, number) for number in range(rounds + 1)]
    finished = [each.round_no for each in registry.past(study).history]
    assert finished == list(range(1, rounds + 1))
    assert sorted(counted(registry, study)) == NAMES
    registry.close()
    check_replays(transcripts, study, everything(tmp_path, tmp_path / "everything"))
    inputs = [(i.site, each.asked_in(i.site)) for each in transcripts[1:] for i in each.inputs]
    assert len(set(inputs)) == len(inputs) == 2 * rounds
    for name in NAMES:
        verify(tmp_path / name / "ledger")
