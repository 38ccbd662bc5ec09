"""Hub and site one protocol apart work together; two apart, the site says so and ends."""

import json
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest

from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.engines.jetstream.at_hub.hub_state import hub_state
from modelward.engines.jetstream.at_site.site_node import SiteNode
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.presence import PROTOCOL, Presence
from modelward.errors import EngineFailed
from modelward.joining.hub_folder import HubFolder
from tests.wire import Federation, now, study

STUDY = study(rounds=2)
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")


class Said:
    """A message on the wire, as far as `Presence` looks at it."""

    subject = "fl.ann.hub"

    def __init__(self, **said: Any) -> None:
        self.data = json.dumps({"time": now().isoformat(), **said}).encode()


def heard(*protocols: int | None) -> tuple[Presence, list[tuple[str, int]]]:
    """Return a site that has heard a hub of each protocol, and which were too far."""
    strangers: list[tuple[str, int]] = []
    presence = Presence("north", "hub", None, lambda *_, **__: None)
    presence.on_stranger = lambda name, protocol: strangers.append((name, protocol))
    for protocol in protocols:
        presence._hear(Said(**({} if protocol is None else {"protocol": protocol})))  # type: ignore[arg-type]
    return presence, strangers


def test_one_apart_is_near_and_two_apart_is_far():
    assert heard(PROTOCOL - 1, PROTOCOL, PROTOCOL + 1)[1] == []
    assert heard(PROTOCOL + 2)[1] == [("hub", PROTOCOL + 2)]
    assert heard(PROTOCOL - 2)[1] == [("hub", PROTOCOL - 2)]


def test_who_does_not_say_speaks_the_first_protocol():
    assert heard(None)[0].protocols == {"hub": 1}


def test_it_is_told_once_and_again_when_it_changes():
    assert heard(9, 9, PROTOCOL, 9)[1] == [("hub", 9), ("hub", 9)]


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_hub_of_the_next_version_is_answered(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    with ExitStack() as stack:
        stack.enter_context(made.server())
        engine = stack.enter_context(made.engine())
        engine.presence.protocol = PROTOCOL + 1
        node = stack.enter_context(made.node("north"))
        _until(lambda: node.end.presence.protocols.get("hub") == PROTOCOL + 1)
        answers = list(engine.ask(SUMS, ["north"], deadline_s=60))
        _until(lambda: engine.presence.protocols.get("north") == PROTOCOL)
        state = hub_state(HubFolder.open(made.hub.path), now())

    assert [type(answer) for answer in answers] == [Release]
    assert state["members"][0]["protocol"] in {PROTOCOL, None}


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("theirs", "who"), [(PROTOCOL + 2, "this site"), (PROTOCOL - 2, "the hub")]
)
def test_a_hub_two_versions_away_ends_the_site_with_who_has_to_update(tmp_path, theirs, who):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    ended: list[EngineFailed] = []
    with ExitStack() as stack:
        stack.enter_context(made.server())
        engine = stack.enter_context(made.engine())
        engine.presence.protocol = theirs
        node = SiteNode(made.sites["north"], silent, now)

        def serve() -> None:
            try:
                node.serve()
            except EngineFailed as error:
                ended.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()

    assert [error.what for error in ended] == [
        f"the hub speaks protocol {theirs}, this site {PROTOCOL}"
    ]
    assert f"update {who}" in ended[0].remedy


def _until(true: Any) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
