"""What serves a hub or a site goes on after a full disk or a lost line, or is missed aloud."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from nats.errors import OutboundBufferLimitError

from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_site.news import News, Telling
from modelward.engines.jetstream.at_site.replies import Desk, Saying
from modelward.engines.jetstream.journal import Field
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.lines.presence import Presence
from modelward.errors import StorageError
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder

MORNING = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
URL = "tls://hub.example.org:4222"


class Noted:
    """A journal that keeps events."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.twice = threading.Event()

    def __call__(self, event: str, /, **_: Field) -> None:
        self.events.append(event)
        if self.events.count(event) > 1:
            self.twice.set()


class FullClient:
    """A connection whose buffer is full, as when a line stalls."""

    async def publish(self, *_: object, **__: object) -> None:
        raise OutboundBufferLimitError


class Nobody:
    """Who dials it."""

    name = "hub"

    def tls(self) -> None:
        return None


def test_a_sign_of_life_that_the_line_does_not_take_is_lost_and_no_more():
    noted = Noted()
    nobody: Any = Nobody()
    full: Any = FullClient()
    line = Line(nobody, full, noted)
    line._up.set()

    asyncio.run(line.say("fl.ann.hub", b"here"))

    assert noted.events == ["line-error"]


def test_signs_of_life_go_on_while_the_health_file_cannot_be_written(tmp_path):
    noted, gone = Noted(), tmp_path / "gone"
    presence = Presence("north", [], gone / "health.json", noted)

    presence.write_health(connected=True)
    presence.write_health(connected=True)
    assert noted.events == ["health-not-written"], "told once"

    gone.mkdir()
    presence.write_health(connected=True)
    assert (gone / "health.json").exists()


class Heard:
    """A hub that hears what it is told, one thing at a time."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.ahead = False

    async def say(self, _: object, saying: Saying) -> None:
        self.kinds.append(saying.kind)


@pytest.mark.slow
def test_what_was_told_under_a_clock_ahead_is_told_again_when_the_clock_is_right():
    hub = Heard()
    stand_in: Any = hub
    desk = Desk()
    telling = Telling(stand_in, desk, Noted())
    telling.news = lambda: [News(kind="approval", study="ab" * 32, body={"said": "yes"})]
    telling.early = lambda: hub.ahead

    async def days() -> None:
        serving = asyncio.create_task(telling.serve(stand_in))
        await asyncio.sleep(0.2)
        assert hub.kinds == ["approval"], "it was refused there, for its time"
        hub.ahead = True
        await asyncio.sleep(1.2)
        assert hub.kinds == ["approval"], "nothing is said that would be refused"
        hub.ahead = False
        await asyncio.sleep(1.2)
        serving.cancel()

    asyncio.run(days())
    desk.close()
    assert hub.kinds == ["approval", "approval"]


def test_only_a_clock_that_is_ahead_keeps_a_party_silent():
    presence = Presence("north", ["hub"], None, Noted())
    found = {}
    for skew in (-400.0, -200.0, 400.0):
        presence.skew_s["hub"] = skew
        found[skew] = presence.early("hub")

    assert found == {-400.0: True, -200.0: False, 400.0: False}
    assert not presence.early("nobody")


def keeping(node: HubNode, engine: object, now: Callable[[], datetime]) -> threading.Thread:
    keep: Any = node._keep
    keeper = threading.Thread(target=keep, args=(engine, now), daemon=True)
    keeper.start()
    return keeper


@pytest.mark.slow
def test_members_are_looked_after_again_when_a_file_is_whole_again(tmp_path):
    hub = HubFolder.create(tmp_path / "hub", url=URL, listen="127.0.0.1:4222", now=MORNING)
    hub.admit(SiteFolder(tmp_path / "north").ask("north", URL, MORNING), MORNING)
    file = hub.path / "members" / "north.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:40])
    noted, given = Noted(), threading.Event()

    class Engine:
        """Takes certificates for sites."""

        def give_certificate(self, site: str, _: str) -> None:
            assert site == "north"
            given.set()

    node = HubNode(hub, noted)
    node.keys = {"north": hub.key.public_key()}
    keeper = keeping(node, Engine(), lambda: MORNING + timedelta(days=25))
    try:
        assert noted.twice.wait(20), "it is tried again"
        file.write_bytes(whole)
        assert given.wait(20), "and the renewal that was due is made"
    finally:
        node.stop()
        keeper.join(20)
    assert set(noted.events) <= {"members-not-in-force", "certificate-given"}


def test_a_second_hub_on_a_folder_is_told_so_and_touches_nothing_of_the_first(tmp_path):
    hub = HubFolder.create(tmp_path / "hub", url=URL, listen="127.0.0.1:4222", now=MORNING)
    nats = hub.path / "nats"
    nats.mkdir()
    (nats / "nats.pid").write_text("4711")
    before = {path: path.read_bytes() for path in hub.path.rglob("*") if path.is_file()}

    with HubNode(hub, Noted()).alone():
        with pytest.raises(StorageError, match="is up already") as caught:
            HubNode(hub, Noted()).serve(lambda: MORNING)
        assert "hub status" in caught.value.remedy

    assert {path: path.read_bytes() for path in before} == before
    assert (nats / "nats.pid").read_text() == "4711", "by which a removal finds the server"
