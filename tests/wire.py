"""A small real federation on the loopback: nats-server, certificates and hospitals."""

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from modelward.core.study import Study
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.assent import agree
from modelward.engines.jetstream.at_hub.hub_end import JetStream
from modelward.engines.jetstream.at_site.site_node import SiteNode
from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.loopback import free_port
from modelward.engines.jetstream.messages.streams import provision
from modelward.engines.jetstream.server.configuration import Limits
from modelward.engines.jetstream.server.supervised import NatsServer
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder
from modelward.site.rooms.direct import DirectTrainer
from modelward.study.read import parse

T = TypeVar("T")

LIMITS = Limits(letters=64 * 2**20, bucket=1024 * 2**20)

STUDY_FILE = """
[study]
id = "small"
purpose = "Tell who falls ill"
min_patients = 10

[features.age]
type = "number"
unit = "a"
range = [0, 110]

[features.smoker]
type = "boolean"

[target.ill]
type = "boolean"

[recipe]
name = "logistic"
options = { l2 = 1.0 }

[plan]
rounds = ROUNDS
validation = 0.2
test = 0.2
EXTRA

[stop]
metric = "loss"
"""


def study(rounds: int = 3, extra: str = "") -> Study:
    """Return a small study by averaged local training, watched on validation; no torch."""
    return parse(STUDY_FILE.replace("ROUNDS", str(rounds)).replace("EXTRA", extra))


def now() -> datetime:
    return datetime.now(UTC)


def make_site(folder: Path, patients: int, seed: int) -> Path:
    """Write invented patients, the same for the same seed."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 90, patients)
    smoker = rng.integers(0, 2, patients)
    ill = rng.random(patients) < 1 / (1 + np.exp(3 - age / 25 - smoker))
    rows = [
        f"p{number},{a},{bool(s)!s},{bool(i)!s}".lower()
        for number, (a, s, i) in enumerate(zip(age, smoker, ill, strict=True))
    ]
    (folder / "data.csv").write_text("\n".join(["patient,age,smoker,ill", *rows]) + "\n")
    (folder / "dataset.toml").write_text(
        '[dataset]\nkind = "table"\npath = "data.csv"\npatient = "patient"\n'
    )
    return folder


class Federation:
    """Folders of a hub and its sites, joined.

    Attributes:
        hub: The hub's folder.
        sites: Name -> folder.
    """

    def __init__(self, folder: Path, names: list[str], *studies: Study) -> None:
        address = f"127.0.0.1:{free_port()}"
        self.hub = HubFolder.create(
            folder / "hub", url=f"tls://{address}", listen=address, now=now()
        )
        self.sites: dict[str, Path] = {}
        for seed, name in enumerate(names):
            path = make_site(folder / name, 60 + 10 * seed, seed)
            site = SiteFolder(path)
            site.join(self.hub.admit(site.ask(name, self.hub.url, now()), now()), now())
            self.sites[name] = path
        agree(self.hub, self.sites, list(studies), now())
        folders.apply(self.hub, LIMITS)

    @contextmanager
    def server(self) -> Iterator[NatsServer]:
        """Run the server, with streams for every site."""
        with NatsServer(self.hub.path / "nats") as running:
            asyncio.run(self._provision())
            yield running

    @contextmanager
    def engine(self, journal: Journal = silent) -> Iterator[JetStream]:
        """Connect the hub's end."""
        with JetStream(
            folders.hub_identity(self.hub),
            self.hub.key,
            {member.site: member.signing for member in self.hub.members()},
            self.hub.path / "models",
            self.hub.path,
            journal,
        ) as engine:
            yield engine

    @contextmanager
    def node(
        self, name: str, journal: Journal = silent, url: str | None = None
    ) -> Iterator[SiteNode]:
        """Run one site in a thread, dialling `url` if it is given."""
        trainer = DirectTrainer(self.sites[name], name)
        node = SiteNode(self.sites[name], journal, now, url=url, trainer=trainer, compare_s=0)
        thread = threading.Thread(target=node.serve)
        thread.start()
        try:
            yield node
        finally:
            node.stop()
            thread.join()

    async def _provision(self) -> None:
        admin = folders.hub_identity(self.hub, "hub-admin")
        line = await Line.dial(admin, silent, patience_s=20)
        try:
            await provision(line, list(self.sites), LIMITS, self.hub.leafs)
        finally:
            await line.close()


def closed(port: int) -> bool:
    """Return whether nobody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(work)
