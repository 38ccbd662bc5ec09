"""A leaf server: a hospital's own nats-server, which publishes while its link is down.

    institution ──► own leaf ──► (edge leaf) ──► hub's server
                    BOX_S        mirror          mirror, read by everybody

The institution posts into streams of its own server. The server above mirrors them, by a
leaf connection that the hospital dials and that comes back by itself; sequences stay, so a
letter has the same number everywhere and a piece of an artifact the same place. A chain may
have any number of servers (NATS documentation, "JetStream on Leaf Nodes"): each has a
JetStream domain of its own, and each mirrors the one below.

What others offer is read from the hub's server, directly. So nothing but mirrors goes over
a leaf connection, and the hub's side of it (leafs.py) gives it no more. Found on 2.15: after
either end was gone, a mirror goes on within about 40 s.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from modelward import durable
from modelward.engines.jetstream.boxes import Boxes
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.identity import Identity
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.messages.streams import make_box
from modelward.engines.jetstream.server import supervised as server
from modelward.engines.jetstream.server.configuration import (
    MAX_PAYLOAD,
    MEBIBYTE,
    Block,
    Limits,
)
from modelward.engines.jetstream.server.leafs import domain, mirror
from modelward.engines.jetstream.server.supervised import NatsServer
from modelward.joining import certificates
from modelward.joining.keys import spki, tls_key

WITHIN = "127.0.0.1"
"""Where a leaf listens for its own institution: on the machine itself."""

ACCOUNT = "BOX"
"""Of the leaf server: the institution, a leaf below and the way above share it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A leaf server of one institution.

    Attributes:
        folder: Its files: own authority, certificates, configuration, streams.
        site: The institution.
        port: Where it listens for the institution, on the loopback.
        above: The server that it dials, and as whom.
        below: Address where it listens for another leaf; None at the innermost.
    """

    folder: Path
    site: str
    port: int
    above: Identity
    below: str | None = None

    @property
    def inner(self) -> Identity:
        """How the institution dials it."""
        return Identity(
            name=self.site,
            url=f"tls://{WITHIN}:{self.port}",
            ca=self.folder / "ca.pem",
            certificate=self.folder / "own.pem",
            key=self.folder / "own.key",
        )

    def below_as(self, address: str) -> Identity:
        """Return how the next leaf inwards dials it, at `address`."""
        return replace(
            self.inner,
            name="below",
            url=f"tls://{address}",
            certificate=self.folder / "below.pem",
            key=self.folder / "below.key",
        )


def prepare(leaf: Leaf, now: datetime) -> None:
    """Make the leaf's authority and certificates, and write its configuration.

    Raises:
        EngineFailed: If nats-server does not take the configuration.
    """
    durable.make_folder(leaf.folder)
    key = tls_key(leaf.folder / "ca.key")
    path = leaf.folder / "ca.pem"
    if not path.exists():
        ca = certificates.authority(key, now)
        durable.write_whole(path, certificates.to_pem(ca).encode())
    by = (certificates.from_pem(path.read_bytes()), key)
    hosts = {"server": WITHIN, "own": leaf.site, "below": "below"}
    for who, name in hosts.items():
        made = certificates.issue(
            tls_key(leaf.folder / f"{who}.key").public_key(),
            name,
            "server" if who == "server" else "client",
            by=by,
            now=now,
            life=certificates.AUTHORITY_LIFE,
        )
        pem = certificates.to_pem(made).encode()
        durable.write_whole(leaf.folder / f"{who}.pem", pem)
    server.write_configuration(leaf.folder, configuration(leaf))


def configuration(leaf: Leaf) -> str:
    """Return the configuration of a leaf server; its keys are there already."""
    folder = leaf.folder.resolve()
    pins = [
        sha256(spki(tls_key(folder / f"{who}.key").public_key())).hexdigest()
        for who in ("own", "below")
    ]
    tls: Block = {
        "cert_file": str(folder / "server.pem"),
        "key_file": str(folder / "server.key"),
        "ca_file": str(folder / "ca.pem"),
        "verify_and_map": True,
        "min_version": "1.3",
        "timeout": 10,
        "handshake_first": True,
        "pinned_certs": pins,
    }
    leafnodes: Block = {
        "reconnect": "1s",
        "remotes": [
            {
                "url": leaf.above.url,
                "account": ACCOUNT,
                "tls": {
                    "cert_file": str(leaf.above.certificate),
                    "key_file": str(leaf.above.key),
                    "ca_file": str(leaf.above.ca),
                    "handshake_first": True,
                },
            }
        ],
    }
    if leaf.below is not None:
        leafnodes |= {
            "listen": leaf.below,
            "no_advertise": True,
            # Pins would be held against the server above too; this authority has no other
            # clients than the two.
            "tls": {name: value for name, value in tls.items() if name != "pinned_certs"},
            "authorization": {"users": [{"user": "below", "account": ACCOUNT}]},
        }
    return json.dumps(
        {
            "server_name": domain(leaf.site, leaf.folder.name),
            "listen": f"{WITHIN}:{leaf.port}",
            "pid_file": str(folder / "nats.pid"),
            "log_file": str(folder / "nats.log"),
            "logfile_size_limit": 16 * MEBIBYTE,
            "max_payload": MAX_PAYLOAD,
            "jetstream": {
                "store_dir": str(folder / "streams"),
                "domain": domain(leaf.site, leaf.folder.name),
                "sync_interval": "always",
            },
            "tls": tls,
            "leafnodes": leafnodes,
            "accounts": {
                ACCOUNT: {"jetstream": "enabled", "users": [{"user": leaf.site}]},
                "SYS": {"users": []},
            },
            "system_account": "SYS",
        },
        indent=1,
    )


class RunningLeaf:
    """A leaf server that is kept running, with its streams; use as a context manager.

    Args:
        leaf: What it is.
        mirrors: Folder name of the leaf below, if it mirrors one; else the institution posts.
        limits: Bounds on its disk.
    """

    def __init__(
        self, leaf: Leaf, *, mirrors: str | None = None, limits: Limits | None = None
    ) -> None:
        self._server = NatsServer(leaf.folder)
        source = None
        if mirrors is not None:
            source = mirror(f"$JS.{domain(leaf.site, mirrors)}.API")
        asyncio.run(_provision(leaf, source, limits or Limits()))

    @property
    def pid(self) -> int | None:
        """Process id of the server; None while it is down."""
        return self._server.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stop()


class LeafBoxes:
    """A carrier that posts to an own leaf and reads from the hub (core/ports.py).

    Args:
        own: The boxes on the leaf, where the institution posts.
        hub: Dials the hub when something is first read there.
        site: The institution.
    """

    def __init__(self, own: Boxes, hub: Callable[[], Boxes], site: str) -> None:
        self._own, self._dial, self._site = own, hub, site
        self._hub: Boxes | None = None

    def post(self, number: int, letter: bytes) -> None:
        """Put letter `number` into the own box, on the leaf."""
        self._own.post(number, letter)

    def put(self, digest: str, content: Path) -> None:
        """Store a file under its SHA-256 in the own box, on the leaf."""
        self._own.put(digest, content)

    def read(self, box: str, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield the letters of a box; the own one from the leaf, others from the hub."""
        return self._where(box).read(box, after)

    def fetch(self, box: str, digest: str, path: Path, *, most: int) -> None:
        """Fetch an object from where its box is read."""
        self._where(box).fetch(box, digest, path, most=most)

    def close(self) -> None:
        """Hang up on both."""
        self._own.close()
        if self._hub is not None:
            self._hub.close()

    def _where(self, box: str) -> Boxes:
        if box == self._site:
            return self._own
        self._hub = self._hub or self._dial()
        return self._hub


async def _provision(leaf: Leaf, source: Block | None, limits: Limits) -> None:
    line = await Line.dial(leaf.inner, silent, patience_s=server.READY_S)
    try:
        await make_box(line, leaf.site, limits, source)
    finally:
        await line.close()
