"""From the files of joining to the wire: who dials as whom, and what the server is told.

A change of membership takes effect here: write the configuration, have the server test it,
reload, and see in its log that it did. A site that was removed loses its account and its
pin, which closes its open connections within milliseconds.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelward import durable
from modelward.engines.jetstream.lines.identity import Identity
from modelward.engines.jetstream.lines.way import Way
from modelward.engines.jetstream.server import supervised as server
from modelward.engines.jetstream.server.configuration import Limits, Server, configuration
from modelward.joining.hub_folder import HubFolder
from modelward.joining.network import read_network
from modelward.joining.site_folder import SiteFolder


def apply(hub: HubFolder, limits: Limits) -> bool:
    """Put the hub's members in force.

    The server reloads; one that listens for WebSocket is started anew, because it does not
    change who may connect there while it runs.

    Returns:
        Whether a server was running and took them; never for one that somebody else runs.

    Raises:
        EngineFailed: If the server refuses; the configuration before stays in force.
    """
    names = [member.site for member in hub.members()]
    text = configuration(_server(hub), names, hub.pins(), limits)
    if hub.external:
        return False
    with _one_at_a_time(hub):
        server.write_configuration(hub.path / "nats", text)
        take = server.restart if hub.websocket else server.reload
        return take(hub.path / "nats")


def export(hub: HubFolder, out: Path, at: Path, limits: Limits) -> list[Path]:
    """Write what somebody else needs to run the hub's server, into the folder `out`.

    Args:
        hub: The hub, with its members as they are now.
        out: Where the files are written: configuration, certificates, and one private key.
        at: Where that machine will have them, and keep its streams.
        limits: Bounds on its disk.

    Returns:
        The files.
    """
    served = Server(
        listen=hub.listen,
        folder=at,
        ca=at / "ca.pem",
        certificate=at / "server.pem",
        key=at / "server.key",
        websocket=hub.websocket,
        leaf=hub.leaf,
        leafs=hub.leafs,
    )
    names = [member.site for member in hub.members()]
    durable.make_folder(out)
    written = []
    for name, content, mode in (
        ("nats.conf", configuration(served, names, hub.pins(), limits).encode(), 0o600),
        ("ca.pem", (hub.path / "ca.pem").read_bytes(), 0o644),
        ("server.pem", (hub.path / "tls" / "server.pem").read_bytes(), 0o644),
        ("server.key", (hub.path / "tls" / "server.key").read_bytes(), 0o600),
    ):
        durable.write_whole(out / name, content, mode=mode)
        written.append(out / name)
    return written


def hub_identity(hub: HubFolder, who: str = "hub") -> Identity:
    """Return how the hub dials its server, as `hub` or as `hub-admin`."""
    return Identity(
        name=who,
        url=hub.url,
        ca=hub.path / "ca.pem",
        certificate=hub.path / "tls" / f"{who}.pem",
        key=hub.path / "tls" / f"{who}.key",
    )


def site_identity(site: SiteFolder) -> Identity:
    """Return how a site dials its hub.

    Raises:
        NotAdmitted: If it has not joined, or its network.toml cannot be used.
    """
    out = read_network(site.path / "network.toml")
    ca = None if out.proxy_ca is None else site.path / out.proxy_ca
    return Identity(
        name=site.name,
        url=out.hub or site.membership.hub,
        ca=site.path / "ca.pem",
        certificate=site.path / "tls.pem",
        key=site.path / "tls.key",
        way=Way(proxy=out.proxy, proxy_ca=ca),
    )


def _server(hub: HubFolder) -> Server:
    return Server(
        listen=hub.listen,
        folder=hub.path.resolve() / "nats",
        ca=hub.path.resolve() / "ca.pem",
        certificate=hub.path.resolve() / "tls" / "server.pem",
        key=hub.path.resolve() / "tls" / "server.key",
        websocket=hub.websocket,
        leaf=hub.leaf,
        leafs=hub.leafs,
    )


@contextmanager
def _one_at_a_time(hub: HubFolder) -> Iterator[None]:
    descriptor = os.open(hub.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
