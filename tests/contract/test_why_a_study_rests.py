"""A running hub says why a study rests, and what is in its way."""

import threading
import time
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_hub.hub_state import hub_state
from modelward.engines.jetstream.at_hub.serving import Manner
from modelward.engines.jetstream.journal import silent
from modelward.joining.hub_folder import HubFolder
from tests.wire import LIMITS, Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(120)]

STUDY = study(rounds=200, extra="quorum = 2\ndeadline_s = 1.0")


def test_a_missed_quorum_is_told_with_who_is_silent(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    node = HubNode(made.hub, silent, Manner(unasked=True), LIMITS)
    serving = threading.Thread(target=node.serve, args=(now,))

    def told(field: str) -> str:
        return str(hub_state(HubFolder.open(made.hub.path), now())["studies"][0][field])

    def until(true: Callable[[], bool]) -> None:
        end = time.monotonic() + 40
        while not true():
            assert time.monotonic() < end, told("why")
            time.sleep(0.2)

    serving.start()
    try:
        with made.node("north"):
            with made.node("south"):
                until(lambda: told("state") == "started")
            until(lambda: "since" in told("why") and told("why").endswith("; silent: south"))
            said = CliRunner().invoke(app, ["hub", "status", str(made.hub.path)]).output
    finally:
        node.stop()
        serving.join()

    assert "; silent: south" in said
    assert told("why") == "the hub does not serve: modelward hub up"
