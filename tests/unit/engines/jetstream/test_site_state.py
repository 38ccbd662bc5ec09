"""What a site says of itself from its folder."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.presence import Presence
from modelward.engines.jetstream.site_state import (
    CUT_OFF,
    policy_changed,
    policy_digest,
    site_state,
)
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
