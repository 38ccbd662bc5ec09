"""Whoever asks how the hub is learns why a study does not go on."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from modelward.cli.app import app
from modelward.engines.jetstream.at_hub import resting
from modelward.engines.jetstream.at_hub.hub_state import hub_state
from modelward.engines.jetstream.at_hub.resting import Seen, reason
from modelward.errors import QuorumNotMet
from modelward.hub.consent import Consent
from modelward.hub.registry import Registry
from modelward.joining.hub_folder import HubFolder
from modelward.study.agreement import Agreement
from modelward.study.read import parse
from tests.disks import small_disk
from tests.wire import STUDY_FILE

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALL = {"north": "approved", "south": "approved", "west": "declined"}
GOING_ON = Seen(
    going="started",
    decisions=ALL,
    minimum=2,
    up=True,
    present=["north", "south"],
    noted=None,
    free=1 << 40,
)
FEW = QuorumNotMet(
    "1 of 2 sites answered round 3", why="the study says quorum = 2", remedy="see why"
)
ROSTER = {"north": "ab" * 32, "south": "cd" * 32}
PLAN = STUDY_FILE.replace("ROUNDS", "3").replace("EXTRA", "")


def test_a_study_that_goes_on_has_no_reason_and_a_declining_site_is_not_missed():
    assert reason(GOING_ON) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"going": "paused"}, "a person paused it; it goes on with: modelward study start"),
        ({"going": "stopped"}, "a person stopped it for good"),
        ({"going": "proposed"}, "waits for a person to start it: modelward study start "
         "(declined: west)"),
        ({"going": "proposed", "decisions": {"north": "approved", "south": "undecided"}},
         "waits for approvals: 1 of 2 that it needs (undecided: south)"),
        ({"up": False}, "the hub does not serve: modelward hub up"),
        ({"free": 4096}, "the hub's disk is full (4,096 bytes are free): free space there"),
        ({"present": []}, "all sites are silent: north, south"),
        ({"present": ["north"]}, "silent: south"),
        ({"present": ["north"], "noted": "few came"}, "few came; silent: south"),
    ],
)  # fmt: skip
def test_each_reason_is_told_in_words(changed, said):
    assert reason(replace(GOING_ON, **changed)) == said


def test_what_stood_in_the_way_is_told_until_it_is_forgotten(tmp_path):
    (tmp_path / "studies").mkdir()
    resting.note(tmp_path, "ab" * 32, FEW, NOON)

    told = resting.noted(tmp_path, "ab" * 32)
    assert told is not None
    assert told.startswith("1 of 2 sites answered round 3 (since 2026-11-20T12:00:00")
    assert told.endswith("; see why")
    resting.forget(tmp_path, "ab" * 32)
    resting.forget(tmp_path, "ab" * 32)
    assert resting.noted(tmp_path, "ab" * 32) is None


@pytest.fixture
def hub(tmp_path):
    """A hub that does not run, with two versions of one study; the first is started."""
    made = HubFolder.create(
        tmp_path / "hub", url="tls://127.0.0.1:1", listen="127.0.0.1:1", now=NOON
    )
    registry = Registry(made.path)
    for version in (1, 2):
        text = PLAN.replace('id = "small"', f'id = "small"\nversion = {version}')
        Consent(registry).submit(Agreement.of(parse(text), ROSTER))
    registry.close()
    return made


def test_two_versions_of_a_study_are_told_apart(hub):
    said = CliRunner().invoke(app, ["hub", "status", str(hub.path)]).output
    studies = hub_state(hub, NOON)["studies"]
    as_json = CliRunner().invoke(app, ["hub", "status", str(hub.path), "--json"]).output

    assert [each["version"] for each in studies] == [1, 2]
    for each in studies:
        assert f"study small version {each['version']} ({each['study'][:12]}…): round 0" in said
        assert each["why"].startswith("waits for approvals: 0 of")
    assert "waits for approvals: 0 of" in said
    assert json.loads(as_json)["studies"] == studies
    listed = CliRunner().invoke(app, ["study", "status", "--hub", str(hub.path)]).output
    assert "small version 1" in listed
    assert "small version 2" in listed


def test_a_disk_that_is_full_is_told_where_nothing_can_be_written(tmp_path):
    with small_disk(tmp_path / "disk", 2048) as disk:
        made = HubFolder.create(
            disk / "hub", url="tls://127.0.0.1:1", listen="127.0.0.1:1", now=NOON
        )
        registry = Registry(made.path)
        agreement = Agreement.of(parse(PLAN), ROSTER)
        Consent(registry).submit(agreement)
        with registry.writing() as connection:
            connection.exec_driver_sql("UPDATE proposals SET state = 'started'")
        with pytest.raises(OSError, match="No space"):
            (disk / "filler").write_bytes(bytes(4 << 20))
        resting.note(made.path, agreement.study.sha256, FEW, NOON)  # cannot be written

        (told,) = hub_state(made, NOON)["studies"]  # beside a hub that has its registry open
        registry.close()
    assert told["why"] == "the hub's disk is full (0 bytes are free): free space there"
