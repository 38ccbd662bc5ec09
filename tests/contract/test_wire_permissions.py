"""Every subject and bucket of the wire x every identity: only the allowed cells succeed.

A cell is tried as that identity would, with a raw client, and counts as allowed if the
server answers. The server is real, and so is its configuration.
"""

import asyncio
import json
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from modelward.engines.jetstream import folders
from modelward.engines.jetstream.lines.identity import Identity
from modelward.joining import certificates
from modelward.joining.hub_folder import HubFolder
from modelward.joining.keys import tls_key
from modelward.joining.site_folder import SiteFolder
from tests.wire import LIMITS, Federation

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PEOPLE = ["north", "south", "hub", "hub-admin"]
NO_WAIT = json.dumps({"batch": 1, "no_wait": True}).encode()
LAST = json.dumps({"last_by_subj": "$O.none.C.x"}).encode()
STREAM = json.dumps({"name": "X", "subjects": ["x"], "max_bytes": 1000}).encode()

# subject, payload, who may; hub-admin may do everything that JetStream can do
CELLS = [
    ("fl.ans.north.t1", b"x", {"north"}),
    ("fl.ans.south.t1", b"x", {"south"}),
    ("$O.up-north.C.x", b"x", {"north"}),
    ("$O.up-south.C.x", b"x", {"south"}),
    ("$O.up-north.M.x", b"x", set()),
    ("$O.hub.C.x", b"x", {"hub"}),
    ("$O.hub.M.x", b"x", set()),
    ("fl.box.north.9", b"x", {"north"}),
    ("fl.box.south.9", b"x", {"south"}),
    ("$O.off-north.C.x", b"x", {"north"}),
    ("$O.off-south.C.x", b"x", {"south"}),
    ("$O.off-north.M.x", b"x", set()),
    ("$JS.API.DIRECT.GET.BOX_north", LAST, {"north", "south"}),
    ("$JS.API.DIRECT.GET.OBJ_off-north", LAST, {"north", "south"}),
    ("$JS.API.STREAM.PURGE.BOX_north", b"{}", set()),
    ("$JS.API.STREAM.MSG.DELETE.BOX_north", b'{"seq":1}', set()),
    ("fl.task.north", b"x", {"hub"}),
    ("$JS.API.DIRECT.GET.OBJ_hub", LAST, {"north", "south", "hub"}),
    ("$JS.API.DIRECT.GET.OBJ_up-north", LAST, {"north", "hub"}),
    ("$JS.API.DIRECT.GET.OBJ_up-south", LAST, {"south", "hub"}),
    ("$JS.API.CONSUMER.MSG.NEXT.TASKS.north", NO_WAIT, {"north"}),
    ("$JS.API.CONSUMER.MSG.NEXT.TASKS.south", NO_WAIT, {"south"}),
    ("$JS.API.CONSUMER.MSG.NEXT.ANS.hub", NO_WAIT, {"hub"}),
    ("$JS.API.CONSUMER.INFO.TASKS.north", b"", {"hub"}),
    ("$JS.API.CONSUMER.INFO.ANS.hub", b"", set()),
    ("$JS.API.CONSUMER.MSG.NEXT.CARRIED.hub", NO_WAIT, {"hub"}),
    ("$JS.API.STREAM.PURGE.CARRIED", b"", set()),
    ("carried.fl.ans.north.x", b"{}", set()),
    ("$JS.API.CONSUMER.DELETE.TASKS.x", b"", set()),
    ("$JS.API.CONSUMER.CREATE.TASKS.x", b"{}", set()),
    ("$JS.API.CONSUMER.NAMES.TASKS", b"", set()),
    ("$JS.API.STREAM.INFO.TASKS", b"", {"hub"}),
    ("$JS.API.STREAM.INFO.OBJ_up-north", b"", {"hub"}),
    ("$JS.API.STREAM.NAMES", b"", set()),
    ("$JS.API.STREAM.CREATE.X", STREAM, set()),
    ("$JS.API.STREAM.UPDATE.TASKS", b"{}", set()),
    ("$JS.API.STREAM.DELETE.NONE", b"", set()),
    ("$JS.API.STREAM.PURGE.TASKS", b"{}", set()),
    ("$JS.API.STREAM.PURGE.ANS", b"{}", set()),
    ("$JS.API.STREAM.PURGE.OBJ_hub", b'{"filter":"none"}', {"hub"}),
    ("$JS.API.STREAM.PURGE.OBJ_up-north", b'{"filter":"none"}', {"hub"}),
    ("$JS.API.STREAM.MSG.GET.ANS", b'{"seq":1}', set()),
    ("$JS.API.STREAM.MSG.GET.OBJ_up-north", b'{"seq":1}', set()),
    ("$JS.API.STREAM.MSG.DELETE.ANS", b'{"seq":99}', set()),
    ("$JS.API.STREAM.MSG.DELETE.TASKS", b'{"seq":99}', {"hub"}),
    ("$JS.API.STREAM.SNAPSHOT.ANS", b"{}", set()),
    ("$JS.API.INFO", b"", set()),
    ("$SYS.REQ.SERVER.PING", b"", set()),
]  # fmt: skip

LISTENED = [
    ("fl.ann.hub", {"north", "south"}),
    ("fl.ann.north", {"hub"}),
    ("fl.ann.south", {"hub"}),
    ("fl.ans.>", set()),
    ("fl.box.>", set()),
    ("fl.task.>", set()),
    ("fl.task.north", set()),
    ("_INBOX_north.>", {"north"}),
    ("_INBOX_south.>", {"south"}),
    ("_INBOX_hub.>", {"hub"}),
    ("_INBOX.>", set()),
    ("$O.>", set()),
    ("$JS.>", set()),
    (">", set()),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    federation = Federation(tmp_path_factory.mktemp("wire"), ["north", "south", "gone"])
    with federation.server():
        federation.hub.remove("gone")
        folders.apply(federation.hub, LIMITS)
        yield federation


def who(made: Federation, name: str) -> Identity:
    if name in made.sites:
        return folders.site_identity(SiteFolder(made.sites[name]))
    return folders.hub_identity(made.hub, name)


class Raw:
    """A client without any of our care, which notes what the server objects to."""

    def __init__(self, identity: Identity, terms: ssl.SSLContext | None = None) -> None:
        self.identity, self.terms = identity, terms or identity.tls()
        self.objected = asyncio.Event()
        self.closed = asyncio.Event()
        self.client = Client()

    async def __aenter__(self) -> "Raw":
        async def note(_: Exception) -> None:
            self.objected.set()

        async def end() -> None:
            self.closed.set()

        await asyncio.wait_for(
            self.client.connect(
                self.identity.url,
                tls=self.terms,
                tls_hostname="127.0.0.1",
                tls_handshake_first=True,
                inbox_prefix=f"_INBOX_{self.identity.name}",
                allow_reconnect=False,
                error_cb=note,
                disconnected_cb=end,
                closed_cb=end,
            ),
            5,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def answered(self, subject: str, payload: bytes) -> bool:
        """Return whether the server answers a request."""
        self.objected.clear()
        inbox = self.client.new_inbox()
        got = asyncio.Event()

        async def take(message: Msg) -> None:
            if (message.headers or {}).get("Status") != "503":  # nobody there
                got.set()

        subscription = await self.client.subscribe(inbox, cb=take)
        await self.client.publish(subject, payload, reply=inbox)
        return await self._first(got, subscription)

    async def heard(self, subject: str) -> bool:
        """Return whether the server takes a subscription."""
        self.objected.clear()
        subscription = await self.client.subscribe(subject)
        await self.client.flush()
        await asyncio.sleep(0.02)
        allowed = not self.objected.is_set()
        if allowed:
            await subscription.unsubscribe()
        return allowed

    async def _first(self, got: asyncio.Event, subscription: object) -> bool:
        waits = [asyncio.create_task(each.wait()) for each in (got, self.objected)]
        await asyncio.wait(waits, timeout=0.7, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await subscription.unsubscribe()  # type: ignore[attr-defined]
        return got.is_set()


@pytest.mark.parametrize("name", ["north", "south", "hub"])
def test_only_the_allowed_requests_are_answered(made, name):
    async def tried() -> list[str]:
        wrong = []
        async with Raw(who(made, name)) as raw:
            for subject, payload, allowed in CELLS:
                if await raw.answered(subject, payload) != (name in allowed):
                    wrong.append(subject)
        return wrong

    assert asyncio.run(tried()) == []


@pytest.mark.parametrize("name", ["north", "south", "hub"])
def test_only_the_allowed_subjects_are_heard(made, name):
    async def tried() -> list[str]:
        wrong = []
        for subject, allowed in LISTENED:
            async with Raw(who(made, name)) as raw:
                if await raw.heard(subject) != (name in allowed):
                    wrong.append(subject)
        return wrong

    assert asyncio.run(tried()) == []


def test_a_reply_subject_does_not_purge_what_the_sender_may_not(made):
    async def tried() -> int:
        async with Raw(who(made, "hub")) as hub:
            await hub.client.request("fl.task.south", b"waiting", timeout=5)
        async with Raw(who(made, "north")) as north:
            for reply in (
                "$JS.API.STREAM.PURGE.TASKS",
                "$JS.API.STREAM.DELETE.TASKS",
                "fl.ans.south.stolen",
            ):
                await north.client.publish("fl.ans.north.t9", b"{}", reply=reply)
                await north.client.publish("$JS.API.DIRECT.GET.OBJ_hub", LAST, reply=reply)
            await north.client.flush()
            await asyncio.sleep(0.3)
        async with Raw(who(made, "hub-admin")) as admin:
            info = json.loads(
                (await admin.client.request("$JS.API.STREAM.INFO.TASKS", b"")).data
            )
            stolen = json.loads(
                (
                    await admin.client.request(
                        "$JS.API.STREAM.MSG.GET.ANS", b'{"last_by_subj":"fl.ans.south.stolen"}'
                    )
                ).data
            )
        assert stolen["error"]["code"] == 404
        return int(info["state"]["messages"])

    assert asyncio.run(tried()) >= 1


def strangers(made: Federation, folder: Path) -> dict[str, ssl.SSLContext]:
    """Return TLS terms of everyone who must not get in."""
    now = datetime.now(UTC)
    other = HubFolder.create(
        folder / "other", url=made.hub.url, listen=made.hub.listen, now=now
    )
    site = SiteFolder(made.sites["north"])
    own = tls_key(site.path / "tls.key").public_key()
    ours = (made.hub.ca, tls_key(made.hub.path / "ca.key"))
    theirs = (other.ca, tls_key(other.path / "ca.key"))
    stranger_key = folder / "stranger.key"
    stranger = tls_key(stranger_key)
    month, day = timedelta(days=30), timedelta(days=1)
    self_made = (certificates.authority(stranger, now), stranger)
    made_out = {
        "self-signed": (
            certificates.issue(stranger.public_key(), "north", "client", by=self_made, now=now),
            stranger_key,
        ),
        "other authority": (
            certificates.issue(own, "north", "client", by=theirs, now=now),
            site.path / "tls.key",
        ),
        "expired": (
            certificates.issue(own, "north", "client", by=ours, now=now - 2 * month, life=day),
            site.path / "tls.key",
        ),
        "not yet valid": (
            certificates.issue(own, "north", "client", by=ours, now=now + day),
            site.path / "tls.key",
        ),
        "for a server": (
            certificates.issue(own, "north", "server", by=ours, now=now), site.path / "tls.key"
        ),
        "another key": (  # signed by the hub's authority, and pinned nowhere
            certificates.issue(stranger.public_key(), "north", "client", by=ours, now=now),
            stranger_key,
        ),
        "unknown name": (
            certificates.issue(own, "nobody", "client", by=ours, now=now), site.path / "tls.key"
        ),
    }  # fmt: skip
    found = {}
    for name, (certificate, key) in made_out.items():
        path = folder / "stranger.pem"
        path.write_text(certificates.to_pem(certificate))
        found[name] = replace(folders.site_identity(site), certificate=path, key=key).tls()
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.load_verify_locations(cafile=made.hub.path / "ca.pem")
    gone = folders.site_identity(SiteFolder(made.sites["gone"])).tls()
    return {**found, "no certificate": bare, "removed": gone}


def test_nobody_else_gets_in(made, tmp_path):
    async def gets_in(terms: ssl.SSLContext) -> bool:
        try:
            async with Raw(who(made, "north"), terms) as raw:
                await asyncio.sleep(0.1)
                return raw.client.is_connected and await raw.answered("fl.ans.north.t2", b"x")
        except (NatsError, OSError, TimeoutError):
            return False

    async def all_of_them() -> list[str]:
        tried = strangers(made, tmp_path)
        assert len(tried) == 9
        assert await gets_in(who(made, "north").tls())  # the check can pass
        return [name for name, terms in tried.items() if await gets_in(terms)]

    assert asyncio.run(all_of_them()) == []


def test_removal_closes_an_open_connection_at_once(tmp_path):
    federation = Federation(tmp_path, ["north", "south"])

    async def removed() -> tuple[float, bool]:
        async with (
            Raw(who(federation, "north")) as north,
            Raw(who(federation, "south")) as south,
        ):
            assert await north.answered("fl.ans.north.t3", b"x")
            federation.hub.remove("north")
            began = time.perf_counter()
            reloading = asyncio.to_thread(folders.apply, federation.hub, LIMITS)
            await asyncio.gather(reloading, asyncio.wait_for(north.closed.wait(), 5))
            return time.perf_counter() - began, await south.answered("fl.ans.south.t3", b"x")

    with federation.server():
        took, other_stays = asyncio.run(removed())

    assert took < 1.5  # most of it is the test of the configuration
    assert other_stays
