"""Bad links between a site and the server: slow, stalled, reset, half-open, cut.

Twenty rounds each, and the same model to the last bit as over a good link.
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from modelward.hub.registry import Registry
from modelward.hub.run import Hub, Progress
from modelward.ledger.log import ENTRIES
from modelward.ledger.verify import verify
from tests.proxy import Proxy
from tests.wire import Federation, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ROUNDS = 20
NAMES = ["north", "south"]
STUDY = study(rounds=ROUNDS)


def train(folder: Path, disturb: Callable[[Proxy, int], None]) -> tuple[str, int]:
    """Return the hash of a run whose site `north` dials through a proxy, and its rounds.

    `disturb` is called with the proxy as each round begins.
    """
    made = Federation(folder, NAMES, STUDY)
    port = int(made.hub.url.rpartition(":")[2])
    seen: set[int] = set()
    with ExitStack() as stack:
        stack.enter_context(made.server())
        proxy = stack.enter_context(Proxy(port))
        stack.enter_context(made.node("north", url=f"tls://127.0.0.1:{proxy.port}"))
        stack.enter_context(made.node("south"))
        engine = stack.enter_context(made.engine())

        def watch(progress: Progress) -> None:
            if progress.round_no not in seen:
                seen.add(progress.round_no)
                disturb(proxy, progress.round_no)

        registry = Registry(made.hub.path)
        stack.callback(registry.close)
        keys = {member.site: member.signing for member in made.hub.members()}
        outcome = Hub(engine, registry, keys, watch=watch).run(STUDY)
    for path in made.sites.values():
        verify(path / "ledger")
        lines = (path / "ledger" / ENTRIES).read_text().splitlines()
        released = [
            each["task"] for each in map(json.loads, lines) if each["kind"] == "release"
        ]
        assert len(released) == len(set(released)) == 1 + 2 * ROUNDS, "each task once"
    return outcome.sha256, len(outcome.history)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return train(tmp_path_factory.mktemp("good"), lambda *_: None)


def later(wait_s: float, act: Callable[[], None]) -> None:
    threading.Timer(wait_s, act).start()


def slow(proxy: Proxy, _: int) -> None:
    proxy.delay_s = 0.05


def resets(proxy: Proxy, round_no: int) -> None:
    later(0.01 * (round_no % 5), proxy.reset)


def half_open(proxy: Proxy, round_no: int) -> None:
    if round_no == 5:
        proxy.mode = "half-open"
        later(1, lambda: setattr(proxy, "mode", "plain"))


def stalls(proxy: Proxy, round_no: int) -> None:
    if round_no % 5 == 0:
        proxy.mode = "stall"
        later(1.5, lambda: setattr(proxy, "mode", "plain"))


def cut(proxy: Proxy, round_no: int) -> None:
    if round_no == 7:
        proxy.mode = "cut"
        proxy.reset()
        later(8, lambda: setattr(proxy, "mode", "plain"))


LONG = [pytest.param(each, marks=pytest.mark.exhaustive) for each in (slow, resets, half_open)]


@pytest.mark.parametrize("disturb", [stalls, cut, *LONG])
def test_a_bad_link_changes_no_bit(tmp_path, good, disturb):
    assert train(tmp_path, disturb) == good


def very_slow(proxy: Proxy, _: int) -> None:
    proxy.delay_s = 0.5


def long_cut(proxy: Proxy, round_no: int) -> None:
    if round_no == 7:
        proxy.mode = "cut"
        proxy.reset()
        later(240, lambda: setattr(proxy, "mode", "plain"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("disturb", [very_slow, long_cut])
def test_a_very_bad_link_changes_no_bit(tmp_path, good, disturb):
    began = time.monotonic()

    assert train(tmp_path, disturb) == good
    assert time.monotonic() - began > 20
