"""A link that is gone for minutes: every step of every institution is a process of its own."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from modelward.errors import EngineFailed
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.verbs import catalogue, evaluate, offer_model, train
from modelward.ledger.verify import verify
from tests.contract.test_exchange_wire import (
    FAMILIES,
    HAVE,
    decisions_of,
    on_the_wire,
    whole_exchange,
    wired,
)
from tests.network import Network, digits
from tests.proxy import Mode, Proxy
from tests.wire import Federation

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.exhaustive]

GONE_S = 150.0
"""How long the link is gone: five times what a command waits for it."""


def in_a_process(work: Callable[[], None]) -> None:
    """Do `work` in a process of its own, as one command would, and see that it ended well."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "a step failed"


@contextmanager
def gone(proxy: Proxy, how: Mode) -> Iterator[float]:
    """Take the link away for `GONE_S`; give when it ends. `cut` breaks what is open, too."""
    proxy.mode = how
    if how == "cut":
        proxy.reset()
    end = time.monotonic() + GONE_S

    def back() -> None:
        time.sleep(max(0.0, end - time.monotonic()))
        proxy.mode = "plain"

    waiting = threading.Thread(target=back)
    waiting.start()
    yield end
    waiting.join()


def made_and_offered(network: Network, name: str, number: int) -> None:
    """Train and offer; without a link the letter waits in the folder."""
    with network.open(name) as here:
        train(here, load(FAMILIES[name]), seed=number)
        offer_model(here)


def gone_round(network: Network, name: str) -> None:
    """Read what can be read, pull and judge."""
    with network.open(name) as here:
        sync(here)
        for entry in catalogue(here):
            pull(here, entry.sha)
        evaluate(here)


def test_a_link_that_is_gone_for_minutes_delays_everything_and_changes_nothing(tmp_path):
    made, network = wired(tmp_path / "wire")
    twin = digits(list(HAVE.values()), list(HAVE), tmp_path / "twin")
    port = int(made.hub.url.rsplit(":", 1)[1])
    with made.server(), Proxy(port) as proxy:
        near, far = on_the_wire(made), on_the_wire(made, proxy.port)
        network.dial = lambda name: far(name) if name == "south" else near(name)
        rounds = 0
        with gone(proxy, "cut") as end:  # before south has said a word
            for number, name in enumerate(network.names):
                in_a_process(partial(made_and_offered, network, name, number))
            while time.monotonic() < end - 5:
                everybody(network)
                rounds += 1
                with network.open("north") as here:
                    assert {e.card.site for e in catalogue(here)} == {"north", "west"}
                time.sleep(10)
        for _ in range(3):
            everybody(network)
        found = decisions_of(network)

    assert rounds > 2, "the link was back before anybody missed it"
    assert found == whole_exchange(twin)
    for name in network.names:
        arrived_once(network, name)


def everybody(network: Network) -> None:
    """Have everybody go one round, each in a process of its own."""
    for name in network.names:
        in_a_process(partial(gone_round, network, name))


def arrived_once(network: Network, name: str) -> None:
    """Check that what an institution has of the others is there once, byte by byte."""
    site = network.folder / name
    with network.open(name) as here:
        receipts = [str(e["sha256"]) for e in here.ledger if e["kind"] == "receipt"]
        makers = {e.card.sha256: e.card.site for e in catalogue(here)}
    assert len(receipts) == len(set(receipts)) == len(network.names) - 1
    for digest in receipts:
        sent = network.folder / makers[digest] / "outbox" / f"{digest}.safetensors"
        got = site / "exchange" / "taken" / f"{digest}.safetensors"
        assert got.read_bytes() == sent.read_bytes()
    verify(site / "ledger", site / "ledger" / "key.pub")


@pytest.mark.parametrize("how", ["cut", "stall"])
def test_a_large_artifact_goes_on_after_minutes_without_a_link(tmp_path, how):
    made = Federation(tmp_path, ["north", "south"])
    content, got = tmp_path / "content", tmp_path / "got"
    content.write_bytes(np.random.default_rng(1).bytes(2**20) * 40)
    digest = sha256(content.read_bytes()).hexdigest()
    port = int(made.hub.url.rsplit(":", 1)[1])
    received = []
    with ExitStack() as stack:
        stack.enter_context(made.server())
        proxy = stack.enter_context(Proxy(port))
        north = stack.enter_context(on_the_wire(made)("north"))
        north.put(digest, content)
        proxy.delay_s = 0.01
        away = threading.Thread(target=taken_away, args=(proxy, how, tmp_path / "got.part"))
        away.start()
        gave_up = 0
        while not got.exists():  # the same command again, as its message says
            with on_the_wire(made, proxy.port)("south") as south:
                try:
                    south.fetch("north", digest, got, most=2**30)
                except EngineFailed:
                    gave_up += 1
                received.append(south.received)
        away.join()

    assert gave_up > 0, "no command noticed that the link was gone"
    assert got.read_bytes() == content.read_bytes()
    assert sum(received) < 1.5 * content.stat().st_size, f"it started over: {received}"


def taken_away(proxy: Proxy, how: Mode, part: Path) -> None:
    """Take the link away in the middle of the artifact."""
    while not (part.exists() and part.stat().st_size >= 10 * 2**20):
        time.sleep(0.01)
    with gone(proxy, how):
        pass
    proxy.delay_s = 0.0
