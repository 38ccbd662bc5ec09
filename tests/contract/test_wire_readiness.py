"""What sites tell of their data comes to the hub over the wire, through gate and ledger."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from modelward.cli.study import app
from modelward.engines.jetstream.at_hub.hub_node import HubNode
from modelward.engines.jetstream.at_hub.serving import Manner
from modelward.engines.jetstream.journal import silent
from modelward.ledger import archive
from modelward.ledger.log import KEY
from modelward.ledger.verify import read_key
from modelward.report.processing.carried import FILE, read
from modelward.report.processing.reconcile import Reconciled, reconcile
from modelward.site.approving.readiness import check_now
from tests.wire import LIMITS, Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAMES = ["north", "south", "west"]
STUDY = study()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


def recorded(made: Federation) -> int:
    """Return how many statements the server has carried."""
    path = made.hub.path / FILE
    return path.read_text().count('"kind\\":\\"readiness') if path.exists() else 0


def compared(made: Federation, site: str) -> Reconciled:
    ledger = made.sites[site] / "ledger"
    key = read_key(ledger / KEY)
    entries = archive.read(ledger, key).entries()
    return reconcile(list(entries), list(read(made.hub.path / FILE)), key)


def test_the_hub_sees_who_is_ready_and_nothing_of_those_who_say_nothing(tmp_path):
    made = Federation(tmp_path, NAMES, STUDY)
    table = made.sites["south"] / "data.csv"
    table.write_text(table.read_text().replace("smoker", "raucher"))
    for name in ("north", "south"):
        check_now(made.sites[name], STUDY, datetime.now(UTC), ["ill"], tell=True)
    where = made.hub.path / "readiness" / STUDY.sha256
    node = HubNode(made.hub, silent, Manner(), LIMITS)
    hub = threading.Thread(target=node.serve, args=(now,))

    with ExitStack() as stack:
        hub.start()
        stack.callback(hub.join)
        stack.callback(node.stop)
        for name in NAMES:
            stack.enter_context(made.node(name))
        until(lambda: len(list(where.glob("*.json"))) == 2 and recorded(made) == 2)

    ended = CliRunner().invoke(
        app, ["readiness", "small", "--hub", str(made.hub.path), "--json"]
    )
    assert ended.exit_code == 3, ended.output
    found = {site.pop("site"): site for site in json.loads(ended.stdout)["sites"]}
    assert found == {
        "north": {"told": True, "ready": True, "units": 50, "lacks": []},
        "south": {"told": True, "ready": False, "units": 0, "lacks": ["smoker"]},
        "west": {"told": False, "ready": False, "units": 0, "lacks": []},
    }
    for name, statements in (("north", 1), ("south", 1), ("west", 0)):
        held = compared(made, name)
        assert (held.differences, held.releases) == ([], statements), name
