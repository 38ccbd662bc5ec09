"""Leaf servers of hospitals, with real processes: a link that is down, a chain, intruders."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.cli.exchange_leaf import carrier, leaf_of
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.boxes import Boxes
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.leaf import Leaf, LeafBoxes, RunningLeaf, prepare
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.loopback import free_port
from modelward.errors import EngineFailed
from modelward.exchange.families.catalogue import load
from modelward.exchange.institution.pulling import pull
from modelward.exchange.institution.reading import sync
from modelward.exchange.verbs import offer_model, train
from modelward.joining.site_folder import SiteFolder
from tests.network import digits
from tests.wire import LIMITS, Federation, now

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PATIENT_S = 120.0
"""A mirror that lost the other end tries again within about 40 s."""


class Chain:
    """A federation in which north publishes through an inner and an edge leaf."""

    def __init__(self, folder: Path) -> None:
        self.made = Federation(folder, ["north", "south"])
        hub = self.made.hub
        hub.leaf, hub.leafs = f"127.0.0.1:{free_port()}", {"north": "edge"}
        folders.apply(hub, LIMITS)
        north = folders.site_identity(SiteFolder(self.made.sites["north"]))
        above = north.__class__(
            name="north", url=f"tls://{hub.leaf}", ca=north.ca,
            certificate=north.certificate, key=north.key,
        )  # fmt: skip
        between = f"127.0.0.1:{free_port()}"
        self.edge = Leaf(
            folder=folder / "edge", site="north", port=free_port(), above=above, below=between
        )
        self.inner = Leaf(
            folder=folder / "inner", site="north", port=free_port(),
            above=self.edge.below_as(between),
        )  # fmt: skip
        for leaf in (self.edge, self.inner):
            prepare(leaf, now())

    def boxes(self, name: str) -> Boxes:
        identity = folders.site_identity(SiteFolder(self.made.sites[name]))
        return Boxes(identity, patience_s=5)

    def posting(self) -> LeafBoxes:
        return LeafBoxes(
            Boxes(self.inner.inner, patience_s=5), lambda: self.boxes("north"), "north"
        )

    def run(self, leaf: Leaf) -> RunningLeaf:
        return RunningLeaf(leaf, mirrors="inner" if leaf is self.edge else None, limits=LIMITS)


def until(holds: Callable[[], bool], seconds: float = PATIENT_S) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.5)


@pytest.mark.exhaustive
def test_a_chain_of_two_leafs_carries_what_was_published_while_the_link_was_down(tmp_path):
    chain = Chain(tmp_path)
    network = digits([[0, 1, 2, 3], [2, 3, 4, 5]], ["north", "south"], tmp_path)
    with chain.run(chain.inner):
        network.dial = lambda _: chain.posting()
        with network.open("north") as here:  # neither edge nor hub is there
            train(here, load("mlp-16"), seed=1)
            card = offer_model(here)
            assert here.book.unposted("north") == []
            assert sync(here).unreached == ["south"]
        with chain.made.server(), chain.run(chain.edge) as edge:
            network.dial = chain.boxes
            with network.open("south") as here:
                until(lambda: card.sha in sync(here).offers)
                pull(here, card.sha)
                assert edge.pid is not None
                os.kill(edge.pid, signal.SIGKILL)  # it is started again by itself
            network.dial = lambda _: chain.posting()
            with network.open("north") as here:
                again = offer_model(here)
                assert here.book.unposted("north") == []
            network.dial = chain.boxes
            with network.open("south") as here:
                until(lambda: again.sha in sync(here).offers)
                pull(here, again.sha)
                assert sync(here).letters == 0
    ours = (network.folder / "north" / "outbox" / f"{card.sha256}.safetensors").read_bytes()
    theirs = network.folder / "south" / "exchange" / "taken" / f"{card.sha256}.safetensors"
    assert theirs.read_bytes() == ours


def test_what_is_offered_before_the_leaf_has_ever_run_waits_in_the_folder(tmp_path):
    made = Federation(tmp_path, ["north"])
    network = digits([[0, 1, 2, 3]], ["north"], tmp_path)
    network.dial = lambda name: carrier(made.sites[name], free_port())

    with network.open("north") as here:
        train(here, load("mlp-16"), seed=1)
        offer_model(here)

        assert here.deliver() == 1


def test_a_leaf_reaches_nothing_but_what_its_site_reaches(tmp_path):
    chain = Chain(tmp_path)
    with chain.made.server(), chain.run(chain.inner), chain.run(chain.edge):
        south = chain.boxes("south")
        south.post(1, b"south's own")
        with LeafBoxesOf(chain) as north:
            north.post(1, b"north's own")
            until(lambda: list(south.read("north", 0)) == [(1, b"north's own")])
        asyncio.run(intrude(chain.edge))

        assert list(south.read("south", 0)) == [(1, b"south's own")]
        assert list(south.read("north", 0)) == [(1, b"north's own")]
        south.post(2, b"and it goes on")
        south.close()


async def intrude(edge: Leaf) -> None:
    """Try from the leaf's own account what no site may."""
    line = await Line.dial(edge.inner, silent, patience_s=10)
    tries = [
        "fl.box.south.2", "$O.off-south.C.00", "fl.task.south", "fl.ann.hub", "carried.x",
        *(f"$JS.{where}API.STREAM.{verb}.BOX_{site}"
          for where in ("hub.", "leaf.south.", "")
          for verb in ("PURGE", "DELETE", "INFO")
          for site in ("south", *(["north"] if where else []))),
        "$JS.hub.API.CONSUMER.CREATE.BOX_south.x.y", "$SYS.REQ.ACCOUNT.HUB.CONNZ",
        "deliver.south.1", "leaf.south.CONSUMER.CREATE.BOX_south.x",
    ]  # fmt: skip
    heard: list[bytes] = []
    inbox, _ = await line.listen(None, lambda message: heard.append(message.data))
    for subject in tries:
        await line.say(subject, b"{}", reply=inbox)
        await line.say(subject, b"{}", reply="$JS.API.STREAM.PURGE.BOX_south")
    await asyncio.sleep(1.5)
    await line.close()
    told = [json.loads(each) for each in heard if each.startswith(b"{")]
    assert [each for each in told if "error" not in each] == []


class LeafBoxesOf:
    """The carrier of the institution behind the chain, closed at the end."""

    def __init__(self, chain: Chain) -> None:
        self.boxes = chain.posting()

    def __enter__(self) -> LeafBoxes:
        return self.boxes

    def __exit__(self, *_: object) -> None:
        self.boxes.close()


@pytest.mark.exhaustive
def test_an_artifact_goes_over_two_leafs_byte_by_byte(tmp_path):
    chain = Chain(tmp_path)
    content = tmp_path / "content"
    content.write_bytes(os.urandom(2**20) * 5)
    digest = sha256(content.read_bytes()).hexdigest()
    with chain.made.server(), chain.run(chain.inner), chain.run(chain.edge):
        with LeafBoxesOf(chain) as north:
            north.put(digest, content)
            north.post(1, b"look")
        south = chain.boxes("south")
        until(lambda: bool(list(south.read("north", 0))))
        south.fetch("north", digest, tmp_path / "got", most=2**23)
        south.close()

    assert (tmp_path / "got").read_bytes() == content.read_bytes()


def test_a_leaf_is_told_where_the_hub_listens_and_runs_once(tmp_path):
    chain = Chain(tmp_path)
    north = str(chain.made.sites["north"])
    command = CliRunner()

    wrong = command.invoke(app, ["exchange", "leaf", north, "--above", "nonsense"])
    assert wrong.exit_code == 2
    assert "not HOST:PORT" in wrong.output

    mine = leaf_of(Path(north), "127.0.0.1:9", free_port())
    prepare(mine, now())
    with RunningLeaf(mine):
        again = command.invoke(app, ["exchange", "leaf", north, "--above", "127.0.0.1:9"])
    assert isinstance(again.exception, EngineFailed)
    assert "runs already" in again.exception.what
