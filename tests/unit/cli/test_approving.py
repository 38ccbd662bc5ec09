"""From a study file to a started study, by the commands that people type."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelward.artifact.decision import MESSAGE
from modelward.artifact.envelope import Envelope, seal
from modelward.cli.app import app
from modelward.errors import ModelwardError, NotApproved, StorageError
from modelward.gate.policy_file import read_policy
from modelward.hub.consent import Consent
from modelward.hub.registry import Registry
from modelward.ledger.log import Ledger
from modelward.ledger.verify import verify
from modelward.site.approving.approvals import Approvals
from modelward.site.approving.keys import signing_key
from tests.letters import HUB, MORNING, NOON
from tests.sites import FEDAVG, make_site, proposal

pytestmark = pytest.mark.slow  # nodes and processes

PASSPHRASE = "correct horse battery"


def type_in(*words: object, given: str = "") -> str:
    """Return what the command prints; raise what it raises."""
    result = CliRunner().invoke(app, [*map(str, words)], input=given)
    if isinstance(result.exception, ModelwardError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


class Consortium:
    """A hub and two sites in three folders, as their people would make them."""

    def __init__(self, folder: Path) -> None:
        self.hub, self.folder = folder / "hub", folder
        self.sites = {name: folder / name for name in ("cleveland", "va")}
        type_in("hub", "init", self.hub, "--url", "tls://localhost:4444")
        for seed, (name, site) in enumerate(self.sites.items()):
            make_site(site, seed)
            type_in("site", "init", site, "--name", name, "--hub-url", "tls://localhost:4444")
            out = folder / f"{name}-membership.json"
            type_in("hub", "admit", self.hub, site / "request.json", "--out", out)
            type_in("site", "join", site, out)
            self.person(site)
        (folder / "study.toml").write_text(FEDAVG)

    def person(self, site: Path) -> None:
        """Make a person at `site`, and name them in its policy."""
        key = site / "ada.pem"
        given = f"{PASSPHRASE}\n{PASSPHRASE}\n"
        said = type_in("site", "person", "Dr Ada Byron", "--key", key, given=given)
        (site / "policy.toml").write_text(said[said.index("[approvers]") :])

    def submit(self) -> str:
        return type_in("study", "submit", self.folder / "study.toml", "--hub", self.hub)

    def carry_proposals(self) -> None:
        """Do what the wire does with them."""
        registry = Registry(self.hub)
        try:
            for agreed in Consent(registry).agreements():
                for name, site in self.sites.items():
                    Approvals(site, name, {}).receive(proposal(agreed))
        finally:
            registry.close()

    def carry_decisions(self) -> None:
        """Do what the wire does with them."""
        registry = Registry(self.hub)
        try:
            for name, site in self.sites.items():
                people = read_policy(site / "policy.toml").approvers
                for made in Approvals(site, name, people).all_decisions():
                    letter = Envelope(
                        kind=MESSAGE[made.word],
                        study=made.study,
                        round_no=0,
                        sender=name,
                        sequence=made.number,
                        issued=MORNING,
                        expires=NOON,
                        body=made.body(),
                    )
                    Consent(registry).take(letter, seal(letter, HUB))
        finally:
            registry.close()

    def decide(self, verb: str, name: str, given: str = PASSPHRASE) -> str:
        site = self.sites[name]
        return type_in(
            "site", verb, site, "readmission", "--as", "Dr Ada Byron",
            "--key", site / "ada.pem", given=f"{given}\n",
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        (found,) = json.loads(type_in("study", "status", "--hub", self.hub, "--json"))
        return dict(found)


@pytest.fixture
def consortium(tmp_path):
    made = Consortium(tmp_path)
    made.submit()
    made.carry_proposals()
    return made


def test_two_sites_approve_and_the_study_starts(consortium):
    for name in consortium.sites:
        said = consortium.decide("approve", name)
        assert "Dr Ada Byron has approved" in said
        assert "recorded in the ledger" in said
        assert verify(consortium.sites[name] / "ledger").entries == 1
    consortium.carry_decisions()

    type_in("study", "start", "readmission", "--hub", consortium.hub)

    found = consortium.status()
    assert found["state"] == "started"
    assert [site["word"] for site in found["sites"]] == ["approved", "approved"]


def test_one_site_declines_and_the_study_does_not_start(consortium):
    consortium.decide("approve", "cleveland")
    consortium.decide("decline", "va")
    consortium.carry_decisions()

    with pytest.raises(NotApproved, match="1 sites have approved"):
        type_in("study", "start", "readmission", "--hub", consortium.hub)
    said = type_in("study", "status", "--hub", consortium.hub)
    assert "va                      declined  Dr Ada Byron" in said


def test_a_withdrawal_is_told_to_the_hub(consortium):
    for name in consortium.sites:
        consortium.decide("approve", name)
    consortium.decide("withdraw", "va")
    consortium.carry_decisions()

    assert [site["word"] for site in consortium.status()["sites"]] == ["approved", "withdrawn"]


def test_pausing_and_stopping_are_shown(consortium):
    for name in consortium.sites:
        consortium.decide("approve", name)
    consortium.carry_decisions()
    for verb, state in [("start", "started"), ("pause", "paused"), ("stop", "stopped")]:
        type_in("study", verb, "readmission", "--hub", consortium.hub)
        assert consortium.status()["state"] == state


def test_a_wrong_passphrase_decides_nothing(consortium):
    with pytest.raises(StorageError, match="could not be opened"):
        consortium.decide("approve", "va", given="not the passphrase")
    assert json.loads(type_in("site", "studies", consortium.sites["va"], "--json"))[0][
        "decision"
    ] == ("undecided")


def test_what_the_policy_will_refuse_is_said_before_and_after_the_approval(consortium):
    site = consortium.sites["va"]
    shown = type_in("site", "show", site, "readmission")
    approved = consortium.decide("approve", "va")

    for said in (shown, approved):
        assert "Policy.toml as it stands refuses this study" in said
        assert "lane: exact" in said
    policy = (site / "policy.toml").read_text()
    (site / "policy.toml").write_text(f'[privacy]\nlanes = ["dp", "exact"]\n\n{policy}')
    assert "refuses this study" not in type_in("site", "show", site, "readmission")


def test_who_may_not_decide_is_told_who_may(consortium):
    site = consortium.sites["va"]
    given = f"{PASSPHRASE}\n"
    type_in("site", "person", "Eve", "--key", site / "eve.pem", given=given * 2)

    for name, remedy in (("Eve", "the name as it stands"), ("Dr Ada Byron", "use the key")):
        with pytest.raises(NotApproved, match="may not decide") as refused:
            type_in("site", "approve", site, "readmission", "--as", name,
                    "--key", site / "eve.pem", given=given)  # fmt: skip
        assert remedy in refused.value.remedy
    with pytest.raises(StorageError, match=r"nobody.pem cannot be read: No such file"):
        type_in("site", "approve", site, "readmission", "--as", "Eve",
                "--key", site / "nobody.pem", given=given)  # fmt: skip


def test_while_the_node_runs_it_records_the_decision(consortium):
    site = consortium.sites["va"]
    with Ledger.open(
        site / "ledger",
        origin="modelward/va",
        private_key=signing_key(site / "site.key"),
        clock=lambda: MORNING,
    ):
        assert "the running node records it" in consortium.decide("approve", "va")
    assert verify(site / "ledger").entries == 0


def test_the_list_says_what_was_decided_and_by_whom(consortium):
    site = consortium.sites["va"]
    assert "undecided" in type_in("site", "studies", site)
    consortium.decide("approve", "va")

    said = type_in("site", "studies", site)

    assert "readmission" in said
    assert "approved  Dr Ada Byron, 20" in said


def test_a_person_reads_what_is_computed_what_leaves_how_much_and_with_whom(consortium):
    said = type_in("site", "show", consortium.sites["va"], "readmission")

    for line in (
        "Predict unplanned readmission",
        "every patient with a known readmitted",
        "creatinine: number in mg/dL, from 0 to 10",
        "Leaves a site each round: 16 bytes of parameter differences",
        # statistics 8 + 3 * 24 bytes; 3 rounds of 16 bytes and of 2 * 256 counts of 8 bytes
        "at most 12,416 bytes leave this site, in at most 7 answers",
        "no differential privacy is applied",
        "cleveland",
        "(this site)",
        "Roster fingerprint",
    ):
        assert line in said


def test_a_key_file_is_locked_and_never_replaced(consortium):
    site = consortium.sites["va"]
    assert b"ENCRYPTED" in (site / "ada.pem").read_bytes()
    assert (site / "ada.pem").stat().st_mode & 0o077 == 0
    given = f"{PASSPHRASE}\n{PASSPHRASE}\n"
    with pytest.raises(StorageError, match="is there already"):
        type_in("site", "person", "Dr Ada Byron", "--key", site / "ada.pem", given=given)
    with pytest.raises(StorageError, match="the passphrase has 5 characters"):
        type_in("site", "person", "B", "--key", site / "b.pem", given="short\nshort\n")


def test_a_study_that_fits_nothing_is_refused(consortium):
    with pytest.raises(NotApproved, match="0 proposed studies"):
        type_in("study", "start", "unknown", "--hub", consortium.hub)


def test_a_site_whose_data_do_not_fit_cannot_approve_until_they_do(consortium):
    site = consortium.sites["va"]
    table = site / "data.csv"
    table.write_text(table.read_text().replace("creatinine", "krea"))

    with pytest.raises(NotApproved, match="is not ready: creatinine") as refused:
        consortium.decide("approve", "va")
    assert "modelward site check SITE STUDY" in refused.value.remedy

    text = (site / "dataset.toml").read_text()
    (site / "dataset.toml").write_text(text + '[columns]\ncreatinine = "krea"\n')
    assert "READY" in type_in("site", "check", site, "readmission")
    assert "has approved" in consortium.decide("approve", "va")
