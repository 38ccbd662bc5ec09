"""A site that was restored and did not say so learns that its messages are refused."""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.core.task import Task
from modelward.doctor.line import reach
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.at_hub.hub_state import hub_state
from modelward.engines.jetstream.at_site.site_state import site_state
from modelward.engines.jetstream.journal import Field
from modelward.engines.jetstream.messages.count_from import restored
from modelward.joining.hub_folder import HubFolder
from modelward.joining.site_folder import SiteFolder
from tests.wire import Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(120)]

STUDY = study()
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")


class Noted:
    """A journal that keeps what was said of refusals."""

    def __init__(self) -> None:
        self.said: list[Field] = []

    def __call__(self, event: str, /, **fields: Field) -> None:
        if event == "refused-as-replays":
            self.said.append(fields["said"])


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


def as_it_was(letters: Path, backup: Path) -> None:
    shutil.rmtree(letters)
    shutil.copytree(backup, letters)


def status_of(site: Path) -> str:
    return CliRunner().invoke(app, ["site", "status", str(site)]).output


def test_it_is_told_in_status_log_and_doctor_until_it_says_so(tmp_path):
    made, noted = Federation(tmp_path, ["north", "south"], STUDY), Noted()
    north = made.sites["north"]
    letters, backup = north / "letters", tmp_path / "backup"
    with made.server(), made.engine() as engine:
        letters.mkdir(exist_ok=True)
        shutil.copytree(letters, backup)
        with made.node("north"):
            assert list(engine.ask(SUMS, ["north"], deadline_s=60))
        as_it_was(letters, backup)
        following = replace(SUMS, round_no=1)
        with made.node("north", noted):
            assert list(engine.ask(following, ["north"], deadline_s=4)) == []
            until(lambda: noted.said)
            until(lambda: f"modelward site restored {north}" in status_of(north))
            hub = hub_state(HubFolder.open(made.hub.path), now())
            identity = folders.site_identity(SiteFolder(north))
            checks = {check.name: check for check in reach(identity, "hub", now)}

        assert "modelward site restored" in str(noted.said[0])
        assert [member["replays"] for member in hub["members"]] == [True, False]
        assert checks["messages"].state == "failed"

        restored(letters, now())
        with made.node("north"):
            answers = list(engine.ask(following, ["north"], deadline_s=60))
            until(lambda: site_state(SiteFolder(north), now())["refused_by_hub"] is None)
        assert [answer.task for answer in answers] == [following.id]
