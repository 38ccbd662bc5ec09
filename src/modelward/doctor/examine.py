"""Everything that is looked at, in order, for a hub, a site or a bare machine."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from modelward.doctor import folder, line, machine
from modelward.doctor.check import Check, tried
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.server.supervised import running
from modelward.errors import StorageError
from modelward.joining.hub_folder import HubFolder
from modelward.joining.network import read_network
from modelward.joining.site_folder import SiteFolder

Clock = Callable[[], datetime]

_DOWN = Check(
    "connection",
    "warning",
    "the hub is not up, so its server was not tried",
    "sites reach nobody while it is down; before a start that is as it should be",
    "modelward hub up HUB",
)


def examine(path: Path | None, clock: Clock, environment: Mapping[str, str]) -> list[Check]:
    """Return every check, in the order of the page docs/operations/doctor.md.

    Args:
        path: Folder of a hub or site; None to look at the machine only.
        clock: The time.
        environment: Variables, as `os.environ`.

    Raises:
        StorageError: If `path` is the folder of neither.
    """
    found = [
        *tried("versions", machine.versions),
        *tried("torch", machine.torch),
        *tried("disk", lambda: machine.disk(path or Path.cwd())),
        *tried("clock", machine.clock),
    ]
    if path is None:
        return found + tried("nats-server", machine.nats_server)
    if (path / "hub.toml").exists():
        return found + _hub(HubFolder.open(path), clock)
    if not any((path / each).exists() for each in ("request.json", "dataset.toml")):
        raise StorageError(
            f"{path} is the folder of neither a hub nor a site",
            why="what is wrong with it can be said only of one of these",
            remedy="give the folder of hub init or site init, or none for the machine alone",
        )
    return found + _site(SiteFolder(path), clock, environment)


def _hub(hub: HubFolder, clock: Clock) -> list[Check]:
    found = tried("keys", lambda: folder.keys(hub.path))
    if not hub.external:
        found += tried("nats-server", machine.nats_server)
    found += tried("certificate", lambda: folder.hub_certificates(hub, clock()))
    if not hub.external and running(hub.path / "nats") is None:
        return [*found, _DOWN]
    return found + tried("connection", lambda: line.reach(folders.hub_identity(hub), "", clock))


def _site(site: SiteFolder, clock: Clock, environment: Mapping[str, str]) -> list[Check]:
    path = site.path
    written = tried(
        "proxy",
        lambda: machine.proxies(environment, read_network(path / "network.toml").proxy),
    )
    return [
        *tried("keys", lambda: folder.keys(path)),
        *tried("policy", lambda: folder.policy(path)),
        *tried("recipes", lambda: folder.recipes(path)),
        *tried("isolation", lambda: folder.isolation(path)),
        *tried("dataset", lambda: folder.dataset(path)),
        *written,
        *tried("certificate", lambda: folder.site_certificate(site, clock())),
        *tried("connection", lambda: line.reach(folders.site_identity(site), "hub", clock)),
    ]
