"""SIGKILL of hub, nats-server and sites at many points: the same model to the last bit.

Real processes over mutual TLS; the hub dies with its server, as on a power cut. Nothing
that was acknowledged is lost, and no task is decided twice: the ledgers are counted.
"""

import json
import os
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from modelward.engines.jetstream.loopback import federate
from modelward.hub.registry import Registry
from modelward.hub.run import Progress
from modelward.ledger import archive
from modelward.ledger.verify import read_key, verify
from tests.wire import make_site, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAMES = ["north", "south", "west"]
STUDY = study(rounds=3)
TASKS = 1 + 3 * 2  # sums, and training and validation of each round
EVENTS = TASKS * (1 + len(NAMES)) + 3
TARGETS = ["hub", "server", *NAMES]


def sites(folder: Path) -> dict[str, Path]:
    return {n: make_site(folder / n, 60 + 10 * seed, seed) for seed, n in enumerate(NAMES)}


def pid_of(folder: Path, target: str) -> int:
    if target == "server":
        return int((folder / "hub" / "nats" / "nats.pid").read_text())
    return int(json.loads((folder / target / "health.json").read_text())["pid"])


def finish(folder: Path, seen: Callable[[str, Progress], None] = lambda *_: None) -> str:
    """Run the study over processes to its end, and return the hash of its model."""
    federate(folder / "hub", sites(folder), [STUDY], seen)
    registry = Registry(folder / "hub")
    try:
        return registry.model_of(STUDY, registry.state(STUDY).best)
    finally:
        registry.close()


def killing(
    folder: Path, target: str, at: int, after_s: float, killed: list[str]
) -> Callable[[str, Progress], None]:
    """Return a watch that kills `target` a little after event number `at`."""
    events = 0

    def kill() -> None:
        with suppress(OSError, ValueError):
            os.kill(pid_of(folder, target), signal.SIGKILL)
            killed.append(target)

    def seen(_: str, __: Progress) -> None:
        nonlocal events
        events += 1
        if events == at:
            threading.Timer(after_s, kill).start()

    return seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The hash of a run that nobody disturbs."""
    return finish(tmp_path_factory.mktemp("whole"))


def decided(ledger: Path) -> int:
    """Return how many tasks a ledger that verifies has decided."""
    key = read_key(verify(ledger).key)
    entries = archive.read(ledger, key).entries()
    return sum(each["kind"] in {"release", "refusal"} for each in entries)


def check(folder: Path, whole: str, target: str, at: int, after_s: float) -> None:
    killed: list[str] = []

    found = finish(folder, killing(folder, target, at, after_s, killed))

    assert found == whole
    assert killed == [target]
    assert [decided(folder / name / "ledger") for name in NAMES] == [TASKS] * 3


@pytest.mark.parametrize(
    ("target", "at"), [("hub", 6), ("server", 9), ("north", 5), ("hub", 17), ("server", 14)]
)
def test_a_kill_changes_no_bit(tmp_path, whole, target, at):
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
