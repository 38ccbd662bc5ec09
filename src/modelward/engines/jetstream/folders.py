"""From the files of joining to the wire: who dials as whom, and what the server is told.

A change of membership takes effect here: write the configuration, have the server test it,
reload, and see in its log that it did. A site that was removed loses its account and its
pin, which closes its open connections within milliseconds.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from modelward.engines.jetstream import server
from modelward.engines.jetstream.configuration import Limits, Server, configuration
from modelward.engines.jetstream.line import Identity
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder


def apply(hub: HubFolder, limits: Limits) -> bool:
    """Put the hub's members in force.

    Returns:
        Whether a server was running and took them.

    Raises:
        EngineFailed: If the server refuses; the configuration before stays in force.
    """
    names = [member.site for member in hub.members()]
    text = configuration(_server(hub), names, hub.pins(), limits)
    with _one_at_a_time(hub):
        server.write_configuration(hub.path / "nats", text)
        return server.reload(hub.path / "nats")


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
        NotAdmitted: If it has not joined.
    """
    return Identity(
        name=site.name,
        url=site.membership.hub,
        ca=site.path / "ca.pem",
        certificate=site.path / "tls.pem",
        key=site.path / "tls.key",
    )


def _server(hub: HubFolder) -> Server:
    return Server(
        listen=hub.listen,
        folder=hub.path.resolve() / "nats",
        ca=hub.path.resolve() / "ca.pem",
        certificate=hub.path.resolve() / "tls" / "server.pem",
        key=hub.path.resolve() / "tls" / "server.key",
    )


@contextmanager
def _one_at_a_time(hub: HubFolder) -> Iterator[None]:
    descriptor = os.open(hub.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
