"""A site that was away for longer than its certificate lives comes back by one file."""

import asyncio
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from modelward.core.task import Task
from modelward.core.verdict import Release
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_site.site_node import SiteNode
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.line import Line
from modelward.errors import EngineFailed, NotAdmitted
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder
from tests.command import modelward
from tests.wire import LIMITS, Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(120)]

STUDY = study(rounds=2)
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")


def test_a_site_that_slept_too_long_is_told_what_to_do_and_comes_back(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    site = SiteFolder(made.sites["north"])
    sleep = datetime.now(UTC) - timedelta(days=100)
    site.join(made.hub.admit(site.ask("north", made.hub.url, sleep), sleep), sleep)
    folders.apply(made.hub, LIMITS)
    before = made.hub.member("north")
    assert before is not None

    with pytest.raises(NotAdmitted, match="expired at") as refused:
        SiteNode(site.path, silent, now)
    assert "modelward hub renew HUB north" in refused.value.remedy

    with made.server():
        with pytest.raises(EngineFailed):
            _dial(site)
        renewed = modelward("hub", "renew", "hub", "north", cwd=tmp_path)
        joined = modelward("site", "join", "north", "north-membership.json", cwd=tmp_path)
        with ExitStack() as stack:
            stack.enter_context(made.node("north"))
            engine = stack.enter_context(made.engine())
            answers = list(engine.ask(SUMS, ["north"], deadline_s=60))

    assert [type(answer) for answer in answers] == [Release]
    assert before.spoken in renewed.stdout
    assert made.hub.spoken in renewed.stdout
    assert made.hub.spoken in joined.stdout
    after = made.hub.member("north")
    assert after is not None
    assert (after.key, after.spoken) == (before.key, before.spoken)


def test_who_is_not_a_member_or_was_removed_is_not_renewed(tmp_path):
    made = Federation(tmp_path, ["north"])

    with pytest.raises(NotAdmitted, match="south is not a member"):
        made.hub.readmit("south", now())
    made.hub.remove("north")
    with pytest.raises(NotAdmitted, match="north is removed from this hub"):
        made.hub.readmit("north", now())


def test_a_hub_that_slept_too_long_renews_itself_when_it_starts(tmp_path):
    sleep = datetime.now(UTC) - timedelta(days=400)
    hub = HubFolder.create(
        tmp_path, url="tls://127.0.0.1:4222", listen="127.0.0.1:4222", now=sleep
    )

    assert hub.renew_own(now())
    assert not hub.renew_own(now())


def _dial(site: SiteFolder) -> None:
    async def work() -> None:
        line = await Line.dial(folders.site_identity(site), silent, patience_s=0)
        await line.close()

    asyncio.run(work())
