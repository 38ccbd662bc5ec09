"""The network over a real server: receivers away, senders gone, servers killed, links cut."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from modelward.engines.jetstream import folders
from modelward.engines.jetstream.boxes import Boxes
from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.lines import transfer
from modelward.engines.relay import relay
from modelward.engines.shared_folder import SharedFolder
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.verbs import adopt, catalogue, evaluate, offer_model, train
from modelward.joining.site_folder import SiteFolder
from tests.network import Network, digits
from tests.proxy import Proxy
from tests.wire import Federation

pytestmark = [pytest.mark.engine, pytest.mark.slow]

HAVE = {"north": [0, 1, 2, 3, 4, 5], "south": [3, 4, 5, 6, 7, 8], "west": [6, 7, 8, 9, 0, 1]}
FAMILIES = {"north": "linear", "south": "mlp-16", "west": "linear"}


def on_the_wire(
    made: Federation, port: int | None = None, journal: Journal = silent
) -> Callable[[str], Boxes]:
    """Return how an institution dials: directly, or through a proxy on `port`."""

    def dial(name: str) -> Boxes:
        identity = folders.site_identity(SiteFolder(made.sites[name]))
        if port is not None:
            identity = replace(identity, url=f"tls://127.0.0.1:{port}")
        return Boxes(identity, journal, patience_s=10)

    return dial


def wired(folder: Path) -> tuple[Federation, Network]:
    """Return a federation, and a network whose institutions are its sites."""
    made = Federation(folder, list(HAVE))
    network = digits(list(HAVE.values()), list(HAVE), folder)
    network.dial = on_the_wire(made)
    return made, network


def whole_exchange(network: Network) -> dict[str, object]:
    """Have everybody offer, pull, judge and choose; return every decision, by maker."""
    for number, name in enumerate(network.names):
        with network.open(name) as here:
            train(here, load(FAMILIES[name]), seed=number)
            offer_model(here)
    for _ in range(3):
        for name in network.names:
            with network.open(name) as here:
                sync(here)
                for entry in catalogue(here):
                    pull(here, entry.sha)
                evaluate(here)
    return decisions_of(network)


def decisions_of(network: Network) -> dict[str, object]:
    """Return what everybody chooses, and who is used and why, by maker."""
    decisions: dict[str, object] = {}
    for name in network.names:
        with network.open(name) as here:
            sync(here)
            found, makers = adopt(here), {e.sha: e.card for e in catalogue(here)}
            standings = {
                makers[card].site: (makers[card].sha256, each.score, each.used, each.reason)
                for card, each in found.standings.items()
            }
            decisions[name] = (found.choice, standings)
    return decisions


def test_decisions_and_bytes_are_those_of_the_shared_folder(tmp_path):
    made, network = wired(tmp_path / "wire")
    twin = digits(list(HAVE.values()), list(HAVE), tmp_path / "twin")

    with made.server():
        over_the_wire = whole_exchange(network)

    assert over_the_wire == whole_exchange(twin)


def test_a_letter_waits_for_who_is_away_though_its_sender_is_gone_and_the_server_was_killed(
    tmp_path,
):
    made, network = wired(tmp_path)
    with network.open("north") as here:  # the link is down: nothing listens
        train(here, load("mlp-16"), seed=1)
        card = offer_model(here)
        assert here.deliver() == 1
    with made.server() as server:
        with network.open("north") as here:
            assert sync(here).waiting == 0
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        while server.restarts == 0 or server.pid is None:
            time.sleep(0.05)
        with network.open("south") as here:
            assert sync(here).offers == [card.sha]
            values = pull(here, card.sha)
            assert sync(here).letters == 0
        with network.open("south") as here:
            assert sync(here).letters == 0
    ours = (network.folder / "north" / "outbox" / f"{card.sha256}.safetensors").read_bytes()
    theirs = network.folder / "south" / "exchange" / "taken" / f"{card.sha256}.safetensors"
    assert theirs.read_bytes() == ours
    assert np.isfinite(values["out.weight"]).all()


@pytest.mark.parametrize(
    "mebibytes", [12, pytest.param(200, marks=pytest.mark.exhaustive)], ids=str
)
def test_an_artifact_goes_on_where_the_link_was_cut(tmp_path, mebibytes, monkeypatch):
    monkeypatch.setattr(transfer, "EVERY_S", 0.0)
    told: list[tuple[object, object]] = []

    def note(event: str, /, **fields: object) -> None:
        if event == "fetching":
            told.append((fields["bytes"], fields["of"]))

    made = Federation(tmp_path, ["north", "south"])
    content = tmp_path / "content"
    content.write_bytes(np.random.default_rng(0).bytes(2**20) * mebibytes)
    digest = sha256(content.read_bytes()).hexdigest()
    port = int(made.hub.url.rsplit(":", 1)[1])
    with ExitStack() as stack:
        stack.enter_context(made.server())
        proxy = stack.enter_context(Proxy(port))
        north = stack.enter_context(on_the_wire(made)("north"))
        north.put(digest, content)
        south = stack.enter_context(on_the_wire(made, proxy.port, note)("south"))
        list(south.read("north", 0))
        proxy.delay_s = 0.002
        cutter = threading.Thread(target=cut_often, args=(proxy, tmp_path / "got.part"))
        cutter.start()
        south.fetch("north", digest, tmp_path / "got", most=2**30)
        received = south.received
        cutter.join()

    assert (tmp_path / "got").read_bytes() == content.read_bytes()
    assert proxy.connections > 1, "it was never cut"
    assert received < 1.5 * content.stat().st_size, "it started over"
    assert told == sorted(told)
    assert told[-1] == (content.stat().st_size, content.stat().st_size)


def cut_often(proxy: Proxy, part: Path) -> None:
    """Reset the connection at some thirds of the way."""
    for least in (2**20 * 3, 2**20 * 7):
        for _ in range(2000):
            if part.exists() and part.stat().st_size >= least:
                break
            time.sleep(0.01)
        proxy.reset()


def test_a_chain_of_two_hops_carries_what_was_published_while_the_link_was_down(tmp_path):
    made, network = wired(tmp_path)
    inner, edge = (tmp_path / name for name in ("inner", "edge"))
    network.dial = lambda name: SharedFolder(inner, name)
    with network.open("north") as here:
        train(here, load("linear"), seed=1)
        card = offer_model(here)

    with made.server():
        network.dial = on_the_wire(made)
        with network.open("south") as here:
            assert sync(here).letters == 0
        last = relay(SharedFolder(inner, "north"), SharedFolder(edge, "north"), "north",
                     tmp_path / "hop1")  # fmt: skip
        with on_the_wire(made)("north") as far:
            near = SharedFolder(edge, "north")
            assert relay(near, far, "north", tmp_path / "hop2") == last == 1
            assert relay(near, far, "north", tmp_path / "hop2") == 1  # again, without effect
        with network.open("south") as here:
            assert sync(here).offers == [card.sha]
            pull(here, card.sha)
