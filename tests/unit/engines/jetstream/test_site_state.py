"""What a site says of itself from its folder."""

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg

from modelward.engines.jetstream.at_site.site_state import (
    CUT_OFF,
    policy_changed,
    policy_digest,
    site_state,
)
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.presence import Presence
from modelward.engines.jetstream.messages.count_from import restored
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
URL = "tls://hub.example.org:4222"


def joined(folder: Path) -> SiteFolder:
    hub = HubFolder.create(folder / "hub", url=URL, listen="127.0.0.1:1", now=NOON)
    site = SiteFolder(folder / "north")
    site.join(hub.admit(site.ask("north", URL, NOON), NOON), NOON)
    return site


def running(site: SiteFolder) -> Presence:
    return Presence("north", ["hub"], site.path / "health.json", silent, lambda: NOON)


def test_a_site_that_still_dials_says_that_it_runs_and_cannot_reach_the_hub(tmp_path):
    site = joined(tmp_path)
    assert site_state(site, NOON)["says"] == "not running: modelward site up"

    async def dial() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(running(site).wait(), 0.05)

    asyncio.run(dial())

    assert site_state(site, NOON)["says"] == CUT_OFF


def test_a_policy_that_was_changed_under_a_running_node_is_told(tmp_path):
    site = joined(tmp_path)
    node = running(site)
    node.policy = policy_digest(site.path)
    node.write_health(connected=True)
    assert not site_state(site, NOON)["policy_changed"]

    (site.path / "policy.toml").write_text('isolation = "none"\n')

    assert site_state(site, NOON)["policy_changed"]
    assert policy_changed(site.path, NOON)
    (site.path / "health.json").unlink()
    assert not policy_changed(site.path, NOON), "it will be read at the next start"


def heard(node: Presence, refused: list[str]) -> None:
    """Have the hub say whose messages it refuses, and the node's next tick write it down."""
    told = {"time": NOON.isoformat(), "replays": refused}
    node._hear(Msg(_client=Client(), subject="fl.ann.hub", data=json.dumps(told).encode()))
    node.write_health(connected=True)


def test_a_refusal_is_told_until_the_hub_says_otherwise_whatever_the_machine_does(tmp_path):
    site, late = joined(tmp_path), timedelta(seconds=20)
    heard(running(site), ["north"])
    shown = f"modelward site restored {site.path}"

    assert shown in str(site_state(site, NOON)["refused_by_hub"])
    assert site_state(site, NOON + late)["says"] != "not running: modelward site up"
    assert shown in str(site_state(site, NOON + late)["refused_by_hub"]), "a tick came late"

    started = running(site)
    started.write_health(connected=False)
    assert shown in str(site_state(site, NOON)["refused_by_hub"]), "it was started again"

    heard(started, [])
    assert site_state(site, NOON)["refused_by_hub"] is None


def test_whoever_says_that_it_was_restored_is_not_asked_to_say_so_again(tmp_path):
    site = joined(tmp_path)
    heard(running(site), ["north"])

    restored(site.path / "letters", NOON + timedelta(seconds=1))

    assert site_state(site, NOON)["refused_by_hub"] is None


def test_a_node_whose_process_is_gone_does_not_run_however_late_its_last_word(tmp_path):
    site = joined(tmp_path)
    running(site).write_health(connected=True)
    path, late = site.path / "health.json", NOON + timedelta(seconds=20)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, check=True, text=True)  # fmt: skip
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": int(gone.stdout)}))

    assert site_state(site, late)["says"] == "not running: modelward site up"
    assert site_state(site, NOON + timedelta(minutes=5))["says"].startswith("not running")
