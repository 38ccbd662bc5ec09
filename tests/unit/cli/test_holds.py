"""What waits at the gate, listed and decided by the commands that people type."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelward.artifact.store import Store
from modelward.cli.app import app
from modelward.core.task import Task
from modelward.core.verdict import Refusal, Release
from modelward.errors import HeldForReview, ModelwardError, NotApproved, StorageError
from modelward.gate.policy_file import read_policy
from modelward.site.gatekeeper import Gatekeeper
from modelward.site.rooms.direct import DirectTrainer
from tests import sites
from tests.sites import clock, make_site, newton, proposal

WORDS = "correct horse battery"


def type_in(*words: object, given: str = "") -> str:
    """Return what the command prints; raise what it raises."""
    result = CliRunner().invoke(app, [*map(str, words)], input=given)
    if isinstance(result.exception, ModelwardError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


class Site:
    """A site with a person, a policy that reviews statistics, and one held answer."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.models = make_site(folder / "cleveland", 1), Store(folder / "hub")
        (self.folder / "request.json").write_text('{"site": "cleveland"}')
        self.key, study = folder / "ada.pem", newton()
        given = f"{WORDS}\n{WORDS}\n"
        said = type_in("site", "person", "Dr Ada Byron", "--key", self.key, given=given)
        policy = '[privacy]\nlanes = ["dp", "exact"]\n[review]\nkinds = ["statistics"]\n'
        policy += said[said.index("[approvers]") :]
        (self.folder / "policy.toml").write_text(f'isolation = "none"\n{policy}')
        self.task = Task(study=study.sha256, round_no=0, kind="statistics")
        self.keeper = Gatekeeper(
            self.folder,
            "cleveland",
            read_policy(self.folder / "policy.toml"),
            clock=clock,
            trainer=DirectTrainer(self.folder, "cleveland"),
        )
        partner = make_site(folder / "va", 2)
        agreed = sites.agreement(study, {"cleveland": self.folder, "va": partner})
        self.keeper.receive(proposal(agreed))
        self.decide("approve", study.sha256)
        with pytest.raises(HeldForReview):
            self.keeper.answer(self.task, self.models)

    def decide(self, verb: str, what: str, *more: str, given: str = WORDS) -> str:
        return type_in(
            "site", verb, self.folder, what, "--as", "Dr Ada Byron", "--key", self.key, *more,
            given=f"{given}\n",
        )  # fmt: skip

    def listed(self) -> list[dict[str, Any]]:
        return list(json.loads(type_in("site", "holds", self.folder, "--json")))


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.keeper.close()


def test_a_person_sees_what_waits_and_where_its_bytes_lie(site):
    said = type_in("site", "holds", site.folder)
    (row,) = site.listed()

    assert said.startswith(site.task.id[:12])
    assert "round 0 of study" in said
    assert "1 held" in said
    assert (row["kind"], row["patients"], row["leakage"]) == ("statistics", 78, None)
    assert len(Path(row["file"]).read_bytes()) == row["bytes"]


@pytest.mark.parametrize(("verb", "answer"), [("release", Release), ("refuse", Refusal)])
def test_what_is_decided_is_what_the_running_site_answers(site, verb, answer):
    said = site.decide(verb, site.task.id[:8], "--reason", "looked at by two of us")

    assert f"Dr Ada Byron has {verb}d" in said
    assert type_in("site", "holds", site.folder) == "nothing is held\n"
    assert isinstance(site.keeper.answer(site.task, site.models), answer)


def test_a_wrong_passphrase_or_another_task_decides_nothing(site):
    with pytest.raises(StorageError, match="could not be opened"):
        site.decide("release", site.task.id, given="not the passphrase")
    with pytest.raises(NotApproved, match="0 held artifacts"):
        site.decide("release", "0" * 64)
    assert len(site.listed()) == 1
