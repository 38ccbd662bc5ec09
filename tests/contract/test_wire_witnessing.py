"""Over the real wire: every entry is seen, and a ledger that was put back stops its site."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_site.site_node import SiteNode
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.loopback import federate
from modelward.hub.switchboard import alarms_at
from modelward.joining.hub_folder import HubFolder
from modelward.ledger import archive
from modelward.ledger.alarm import read_alarms
from modelward.ledger.log import KEY
from modelward.ledger.verify import read_key, verify
from modelward.report.processing.carried import FILE, read
from modelward.report.processing.reconcile import reconcile
from tests.wire import make_site, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAMES = ["north", "south", "west"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run a study over separate processes; return the folders of hub and sites."""
    folder = tmp_path_factory.mktemp("witnessed")
    sites = {name: make_site(folder / name, 60 + 10 * n, n) for n, name in enumerate(NAMES)}
    federate(folder / "hub", sites, [study()])
    return folder / "hub", sites


def test_at_the_end_of_a_run_every_entry_was_seen_by_every_witness(ran):
    hub, sites = ran

    for path in sites.values():
        found = verify(path / "ledger")
        assert found.witnessed is not None
        assert found.witnessed.checkpoint.size == found.entries
        assert len(found.witnessed.times) == found.asked == 3
    assert alarms_at(hub) == ()


def test_what_the_wire_carried_is_what_the_ledgers_say(ran):
    hub, sites = ran
    record = list(read(hub / FILE))

    for path in sites.values():
        key = read_key(path / "ledger" / KEY)
        found = reconcile(list(archive.read(path / "ledger", key).entries()), record, key)
        assert found.differences == []
        assert found.releases == 7  # statistics, then three times train and evaluate
        assert found.control["witness"] > 0
        assert found.control["approval"] == 1


def test_every_kind_that_a_run_makes_is_in_the_ledger(ran):
    _, sites = ran
    entries = (sites["north"] / "ledger" / "entries.jsonl").read_bytes().splitlines()

    kinds = {json.loads(each)["kind"] for each in entries}

    assert {"approval", "release", "receipt"} <= kinds


@contextmanager
def serving(node: HubNode | SiteNode, *arguments: object) -> Iterator[None]:
    """Run a node in a thread of this process."""
    thread = threading.Thread(target=node.serve, args=arguments)
    thread.start()
    try:
        yield
    finally:
        node.stop()
        thread.join(20)


def test_a_ledger_that_was_put_back_stops_its_site_before_anything_is_written(ran, tmp_path):
    hub, sites = ran
    ledger, alarms = sites["north"] / "ledger", sites["north"] / "witness" / "alarms"
    shutil.copytree(ledger, tmp_path / "backup")
    federate(hub, sites, [study(rounds=2)])
    shutil.rmtree(ledger)
    shutil.copytree(tmp_path / "backup", ledger)
    before = (ledger / "entries.jsonl").read_bytes()

    node = HubNode(HubFolder.open(hub), silent)
    with serving(node, now), serving(SiteNode(sites["north"], silent, now)):
        end = time.monotonic() + 15
        while time.monotonic() < end and not list(alarms.glob("*.json")):
            time.sleep(0.1)

    (alarm,) = read_alarms(alarms)
    assert alarm.finding == "rollback"
    assert (ledger / "entries.jsonl").read_bytes() == before
