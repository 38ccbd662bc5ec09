"""SIGKILL of hub, nats-server, gatekeepers and trainers: the same model to the last bit.

Real processes over mutual TLS, with isolated trainers; the hub dies with its server, as on
a power cut. Nothing that was acknowledged is lost, and no task is decided twice: the
releases in the ledgers are counted. After a kill the hub is never without news for ten
seconds: from one event to the next, the start of whatever died included.
"""

import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from modelward.engines.jetstream.loopback import federate
from modelward.hub.registry import Registry
from modelward.hub.run import Progress
from modelward.ledger.verify import verify
from tests.processes import descendants
from tests.wire import make_site, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAMES = ["north", "south", "west"]
STUDY = study(rounds=3)
TASKS = 1 + 3 * 2  # sums, and training and validation of each round
EVENTS = TASKS * (1 + len(NAMES)) + 3
RESUMED_S = 10.0
"""The longest that a study may stand still after a kill."""

TARGETS = ["hub", "server", *NAMES, *(f"{name}'s trainer" for name in NAMES)]


def sites(folder: Path) -> dict[str, Path]:
    return {n: make_site(folder / n, 60 + 10 * seed, seed) for seed, n in enumerate(NAMES)}


def pid_of(folder: Path, target: str) -> int:
    if target == "server":
        return int((folder / "hub" / "nats" / "nats.pid").read_text())
    if target.endswith("trainer"):
        return descendants(pid_of(folder, target.partition("'")[0]))[-1]
    return int(json.loads((folder / target / "health.json").read_text())["pid"])


def finish(folder: Path, seen: Callable[[str, Progress], None] = lambda *_: None) -> str:
    """Run the study over processes to its end, and return the hash of its model."""
    federate(folder / "hub", sites(folder), [STUDY], seen, isolated=True)
    registry = Registry(folder / "hub")
    try:
        return registry.model_of(STUDY, registry.state(STUDY).best)
    finally:
        registry.close()


def killing(
    folder: Path, target: str, at: int, after_s: float, killed: list[str], times: list[float]
) -> Callable[[str, Progress], None]:
    """Return a watch that kills `target` a little after event number `at`.

    The times of the kill and of every event after it are put into `times`.
    """
    events = 0

    def kill() -> None:
        with suppress(OSError, ValueError, IndexError):
            os.kill(pid_of(folder, target), signal.SIGKILL)
            killed.append(target)
            times.append(time.monotonic())

    def seen(_: str, __: Progress) -> None:
        nonlocal events
        events += 1
        if killed:
            times.append(time.monotonic())
        if events == at:
            threading.Timer(after_s, kill).start()

    return seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The hash of a run that nobody disturbs."""
    return finish(tmp_path_factory.mktemp("whole"))


def check(folder: Path, whole: str, target: str, at: int, after_s: float) -> None:
    killed: list[str] = []
    times: list[float] = []

    found = finish(folder, killing(folder, target, at, after_s, killed, times))

    assert found == whole
    waits = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert max(waits, default=0.0) < RESUMED_S
    assert killed == [target] or target.endswith("trainer"), "it may not run at that moment"
    assert [releases(folder / name) for name in NAMES] == [TASKS] * 3


def releases(site: Path) -> int:
    """Return how many artifacts a ledger that verifies says have left."""
    verify(site / "ledger")
    lines = (site / "ledger" / "entries.jsonl").read_text().splitlines()
    return sum(json.loads(line)["kind"] == "release" for line in lines)


@pytest.mark.parametrize(
    ("target", "at"),
    [("hub", 6), ("server", 9), ("north", 5), ("south's trainer", 9)],
)
def test_a_kill_changes_no_bit(tmp_path, whole, target, at):
    check(tmp_path, whole, target, at, 0.0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("at", range(1, EVENTS - 6))
@pytest.mark.parametrize("target", ["hub", "server", "north", "north's trainer"])
def test_a_kill_at_each_step_of_a_round_changes_no_bit(tmp_path, whole, target, at):
    check(tmp_path, whole, target, at, 0.0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("point", range(200))
def test_a_kill_anywhere_changes_no_bit(tmp_path, whole, point):
    draw = random.Random(point)
    check(
        tmp_path,
        whole,
        draw.choice(TARGETS),
        draw.randrange(1, EVENTS - 6),
        draw.uniform(0, 0.1),
    )
