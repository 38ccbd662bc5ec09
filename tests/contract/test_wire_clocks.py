"""A clock that is wrong is noticed, told by how much, and explained."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from modelward.core.task import Task
from modelward.doctor.line import reach
from modelward.engines.jetstream import folders
from modelward.engines.jetstream.journal import Field
from modelward.joining.site_folder import SiteFolder
from tests.command import modelward
from tests.wire import Federation, now, study

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(120)]

STUDY = study(rounds=2)
SUMS = Task(study=STUDY.sha256, round_no=0, kind="statistics")
AHEAD_S = 400.0


def ahead() -> datetime:
    """A clock that nobody set."""
    return now() + timedelta(seconds=AHEAD_S)


class Noted:
    """A journal that is kept."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Field]]] = []

    def __call__(self, event: str, /, **fields: Field) -> None:
        self.lines.append((event, fields))

    def of(self, event: str) -> list[dict[str, Field]]:
        return [fields for name, fields in self.lines if name == event]


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_hub_whose_clock_is_ahead_is_noticed_by_its_sites_and_by_the_doctor(tmp_path):
    made = Federation(tmp_path, ["north", "south"], STUDY)
    site, noted = SiteFolder(made.sites["north"]), Noted()
    with made.server(), made.engine() as engine, made.node("north", noted):
        engine.departures.clock = ahead
        engine.presence._clock = ahead
        asking = threading.Thread(
            target=lambda: list(engine.ask(SUMS, ["north"], deadline_s=5)), daemon=True
        )
        asking.start()
        until(lambda: noted.of("clocks-differ") and noted.of("message-refused"))
        until(lambda: "+" in _said(site))
        said = _said(site)
        checks = {c.name: c for c in reach(folders.site_identity(site), "hub", now)}
        asking.join()

    (differ, *_) = noted.of("clocks-differ")
    assert differ["party"] == "hub"
    assert differ["seconds"] == pytest.approx(AHEAD_S, abs=5)
    refused = str(noted.of("message-refused")[0]["said"])
    assert "made it at" in refused
    assert "it is" in refused
    assert f"the hub's clock is +{AHEAD_S:.0f}"[:24] in said
    assert "messages are refused from five minutes on" in said
    assert checks["clocks"].state == "failed"
    assert "time server" in checks["clocks"].remedy


def _said(site: SiteFolder) -> str:
    return modelward("site", "status", site.path, cwd=site.path).stdout
