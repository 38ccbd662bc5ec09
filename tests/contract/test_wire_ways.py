"""Out of a hospital by every way there is: WebSocket, proxies, and a server of others'."""

import asyncio
import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_hub.serving import Manner
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.identity import Identity
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.lines.way import Way
from modelward.engines.jetstream.loopback import free_port
from modelward.engines.jetstream.server.supervised import find_server, running
from modelward.errors import EngineFailed, MissingExtra
from modelward.hub.registry import Registry
from modelward.joining import certificates
from modelward.joining.hub_folder import HubFolder
from modelward.joining.keys import tls_key
from modelward.joining.site_folder import SiteFolder
from tests.connect_proxy import ConnectProxy
from tests.wire import LIMITS, Federation, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(120)]

STUDY = study(rounds=2)
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")
NAMES = ["north", "south", "west"]
PASSWORD = "ward:p@ss word"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up sooner on a server that does not answer well."""
    monkeypatch.setattr("modelward.engines.jetstream.lines.line.CONNECT_S", 2.0)


@pytest.fixture(scope="module")
def running_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Federation, str]]:
    """A hub that listens for WebSocket as well, and the address of that door."""
    made = Federation(tmp_path_factory.mktemp("ways"), NAMES, STUDY)
    port = free_port()
    made.hub.websocket = f"127.0.0.1:{port}"
    folders.apply(made.hub, LIMITS)
    with made.server():
        yield made, f"wss://127.0.0.1:{port}"


def network(site: Path, **said: str) -> None:
    """Write a site's network.toml."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
    (site / "network.toml").write_text("\n".join(lines) + "\n")


def tls_terms(folder: Path) -> ssl.SSLContext:
    """Return TLS of a proxy on 127.0.0.1, whose authority is written to proxy-ca.pem."""
    now = datetime.now(UTC)
    key = tls_key(folder / "proxy-ca.key")
    ca = certificates.authority(key, now)
    (folder / "proxy-ca.pem").write_text(certificates.to_pem(ca))
    own = tls_key(folder / "proxy.key")
    made = certificates.issue(own.public_key(), "127.0.0.1", "server", by=(ca, key), now=now)
    (folder / "proxy.pem").write_text(certificates.to_pem(made))
    terms = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    terms.load_cert_chain(folder / "proxy.pem", folder / "proxy.key")
    return terms


def dialled(identity: Identity) -> None:
    """Connect and hang up again.

    Raises:
        EngineFailed: If that does not work within a second or two.
    """

    async def work() -> None:
        line = await Line.dial(identity, silent, patience_s=1)
        await line.close()

    asyncio.run(work())


def test_three_sites_answer_by_three_ways_and_the_proxies_see_nothing(running_hub, tmp_path):
    made, door = running_hub
    plain = ConnectProxy(credentials=PASSWORD)
    encrypted = ConnectProxy(terms=tls_terms(tmp_path))
    with ExitStack() as stack:
        stack.enter_context(plain)
        stack.enter_context(encrypted)
        network(made.sites["north"], hub=door)
        network(made.sites["south"], proxy=f"http://ward:p%40ss%20word@127.0.0.1:{plain.port}")
        network(
            made.sites["west"],
            hub=door,
            proxy=f"https://127.0.0.1:{encrypted.port}",
            proxy_ca=str(tmp_path / "proxy-ca.pem"),
        )
        for name in NAMES:
            stack.enter_context(made.node(name))
        engine = stack.enter_context(made.engine())
        answers = list(engine.ask(SUMS, NAMES, deadline_s=60))

    assert sorted(a.site for a in answers if isinstance(a, Release)) == NAMES
    assert plain.asked == [made.hub.url.removeprefix("tls://")]
    assert encrypted.asked == [door.removeprefix("wss://")]
    for proxy in (plain, encrypted):
        assert len(proxy.carried) > 2000
        assert b"fl.ans" not in proxy.carried
        assert b"INFO {" not in proxy.carried


def test_a_large_artifact_goes_through_websocket_and_comes_back_whole(running_hub):
    made, door = running_hub
    content = bytes(range(256)) * 3000
    admin = replace(folders.hub_identity(made.hub, "hub-admin"), url=door)

    async def work() -> bytes:
        line = await Line.dial(admin, silent, patience_s=10)
        try:
            await line.call("$O.hub.C.large", content)
            got = await line.ask(
                "$JS.API.DIRECT.GET.OBJ_hub", b'{"last_by_subj":"$O.hub.C.large"}'
            )
            return got.data
        finally:
            await line.close()

    assert asyncio.run(work()) == content


def test_a_proxy_that_refuses_is_named_with_what_it_said(running_hub):
    made, _ = running_hub
    with ConnectProxy(credentials="somebody:else") as proxy:
        way = Way(proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(EngineFailed, match=r"127\.0\.0\.1 said: 407 Proxy Authentication"):
            dialled(replace(folders.hub_identity(made.hub), way=way))


def test_a_door_that_speaks_no_websocket_is_told_apart(running_hub):
    made, _ = running_hub
    identity = folders.hub_identity(made.hub)

    with pytest.raises(EngineFailed, match="does not speak"):
        dialled(replace(identity, url=identity.url.replace("tls://", "wss://")))


def test_websocket_asks_for_the_same_certificates(running_hub, tmp_path):
    made, door = running_hub
    other = HubFolder.create(
        tmp_path / "other", url=made.hub.url, listen=made.hub.listen, now=datetime.now(UTC)
    )
    stranger = replace(folders.hub_identity(other), ca=made.hub.path / "ca.pem", url=door)

    with pytest.raises(EngineFailed):
        dialled(stranger)
    with pytest.raises(EngineFailed, match="certificate verify failed"):
        dialled(replace(folders.hub_identity(made.hub), ca=other.path / "ca.pem", url=door))


def test_a_removed_site_is_shut_out_of_websocket_as_well(running_hub):
    made, door = running_hub
    site = made.hub.path.parent / "leaver"
    folder = SiteFolder(site)
    now = datetime.now(UTC)
    folder.join(made.hub.admit(folder.ask("leaver", made.hub.url, now), now), now)
    folders.apply(made.hub, LIMITS)
    identity = replace(folders.site_identity(folder), url=door)
    dialled(identity)

    made.hub.remove("leaver")
    folders.apply(made.hub, LIMITS)

    with pytest.raises(EngineFailed):
        dialled(identity)


@contextmanager
def server_of_others(folder: Path) -> Iterator[None]:
    """Run nats-server as its operator would, on the files that were exported."""
    process = subprocess.Popen([find_server(), "-c", folder / "nats.conf"])
    try:
        for _ in range(200):
            if running(folder) is not None:
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def test_a_hub_serves_a_study_over_a_server_that_somebody_else_runs(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    made.hub.external = True
    place = tmp_path / "elsewhere"

    written = folders.export(made.hub, place, place, LIMITS)
    with server_of_others(place), made.node("north"), made.node("south"):
        HubNode(made.hub, silent, Manner(unasked=True), LIMITS).serve(
            lambda: datetime.now(UTC), until_done=True
        )

    assert sorted(path.name for path in written) == [
        "ca.pem", "nats.conf", "server.key", "server.pem",
    ]  # fmt: skip
    assert not (made.hub.path / "nats" / "nats.pid").exists()
    registry = Registry(made.hub.path)
    assert registry.finished(STUDY) is not None
    registry.close()


def test_a_server_that_is_too_old_is_refused_when_it_is_met(running_hub, monkeypatch):
    made, _ = running_hub
    monkeypatch.setattr("modelward.engines.jetstream.server.supervised.NEEDED", (99, 0, 0))

    with pytest.raises(MissingExtra, match=r"2\.\d+\.\d+.* and 99\.0\.0 is needed"):
        dialled(folders.hub_identity(made.hub))
