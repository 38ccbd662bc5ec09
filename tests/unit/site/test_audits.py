"""What an audit at a deployed site finds is in force at its gate, from then on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner
from typing_extensions import override

from modelward.artifact.store import Store
from modelward.cli.app import app
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.errors import StorageError
from modelward.gate.policy import Leakage
from modelward.privacy.leakage import membership, one_run
from modelward.site.answering import audits
from modelward.site.answering.auditing import Audited
from modelward.site.gatekeeper import Gatekeeper
from modelward.site.rooms.direct import DirectTrainer
from modelward.study.read import parse
from tests import sites
from tests.sites import ADA, FEDAVG, NEWTON, clock, make_site, proposal

STATISTICS = parse(NEWTON.replace('strategy = "newton"', 'strategy = "fedavg"\nlr = 0.1'))


def audited(claimed: float | None, share_right: float, *, told: bool = False) -> Audited:
    """Return an audit of 300 coins of which so many were guessed rightly."""
    draw = np.random.default_rng(1)
    coins = draw.random(300) < 0.5
    right = draw.random(300) < share_right
    found = one_run.one_run(coins, np.where(coins == right, 1.0, -1.0))
    own, others = np.linspace(0, 1, 200), np.linspace(0, 1, 200)
    if told:
        own = own * 0.01  # nearly every member has a smaller loss than nearly all others
    yes = np.ones(200, np.int8)
    return Audited(
        claimed=claimed,
        updates=found,
        model=found,
        membership=membership.by_outcome(own, yes, others, yes),
    )


class Ward:
    """A deployed site with an approved study."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder, self.study = make_site(folder / "cleveland", 1), study
        self.models = Store(folder / "models")
        self.trainer = AuditedMeanwhile(self.folder, "cleveland")
        self.trainer.study = study
        self.keeper = Gatekeeper(
            self.folder, "cleveland", sites.policy("none"), clock=clock, trainer=self.trainer
        )
        partner = make_site(folder / "va", 2)
        agreed = sites.agreement(study, {"cleveland": self.folder, "va": partner})
        self.keeper.receive(proposal(agreed))
        self.keeper.approvals.decide("approved", study.sha256, "Dr Ada Byron", ADA, clock())

    def ask(self) -> Answer:
        task = Task(study=self.study.sha256, round_no=0, kind="statistics")
        return self.keeper.answer(task, self.models)

    def found(self) -> list[dict[str, Any]]:
        last: Any = list(self.keeper._hospital.ledger)[-1]
        return list(last["findings"])


class AuditedMeanwhile(DirectTrainer):
    """Computes for so long that an audit ends."""

    study: Study
    meanwhile: Audited | None = None

    @override
    def compute(self, *args: Any, **named: Any) -> Any:
        if self.meanwhile is not None:
            audits.keep(self._folder, self.study, self.meanwhile)
        return super().compute(*args, **named)


@pytest.fixture
def ward(tmp_path):
    made = Ward(tmp_path, STATISTICS)
    yield made
    made.keeper.close()


def test_more_than_the_study_claims_stops_it_and_a_new_audit_opens_it(ward):
    audits.keep(ward.folder, ward.study, audited(1.0, 1.0))
    assert isinstance(ward.ask(), Refusal)
    (finding,) = ward.found()
    assert finding["rule"] == "audit"
    assert "the study claims 1" in finding["says"]

    audits.keep(ward.folder, ward.study, audited(1.0, 0.5))
    assert isinstance(ward.ask(), Release)


def test_members_that_are_surely_told_are_refused_without_a_claim_as_well(ward):
    audits.keep(ward.folder, ward.study, audited(None, 0.5, told=True))

    assert isinstance(ward.ask(), Refusal)
    assert {finding["rule"] for finding in ward.found()} == {"audit"}
    assert "are told from" in ward.found()[0]["says"]


def test_an_audit_that_ends_while_an_answer_is_computed_keeps_it_in(ward):
    ward.trainer.meanwhile = audited(1.0, 1.0)

    assert isinstance(ward.ask(), Refusal)
    assert ward.found()[0]["rule"] == "audit"


def test_an_audit_of_another_study_and_an_honest_one_refuse_nothing(ward):
    other = replace_purpose(ward.study)
    audits.keep(ward.folder, other, audited(1.0, 1.0))
    audits.keep(ward.folder, ward.study, audited(8.0, 0.6))

    assert isinstance(ward.ask(), Release)


def replace_purpose(study: Study) -> Study:
    terms = study.study.model_copy(update={"purpose": "Another"})
    return study.model_copy(update={"study": terms})


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"\xff"])
def test_figures_that_are_damaged_stop_the_study(ward, damage):
    audits.keep(ward.folder, ward.study, audited(1.0, 1.0))
    path = ward.folder / "audits" / f"{ward.study.sha256}.json"
    path.write_bytes(damage)

    with pytest.raises(StorageError, match="damaged"):
        ward.ask()


def test_figures_of_another_study_under_this_name_do_not_count(ward):
    audits.keep(ward.folder, replace_purpose(ward.study), audited(1.0, 0.5))
    (path,) = (ward.folder / "audits").iterdir()
    path.rename(path.with_name(f"{ward.study.sha256}.json"))

    with pytest.raises(StorageError, match="damaged"):
        audits.objections(ward.folder, ward.study.sha256, Leakage())


@pytest.mark.slow
def test_the_command_audits_the_sites_own_cohort_and_keeps_what_it_found(tmp_path):
    private = FEDAVG + "[privacy.dp]\nepsilon = 3\ndelta = 1e-3\n"
    ward = Ward(tmp_path, parse(private))
    ward.keeper.close()
    (ward.folder / "request.json").write_text('{"site": "cleveland"}')
    (ward.folder / "policy.toml").write_text('isolation = "none"\n')
    asked = ["site", "audit", str(ward.folder), "readmission", "--canaries", "40"]

    said = CliRunner().invoke(app, asked)

    assert said.exit_code == 0, said.output
    assert "claims 3; no attack found more by these tests" in said.stdout
    assert "the gate has nothing against it at cleveland" in said.stdout
    kept = audits.objections(ward.folder, ward.study.sha256, Leakage())
    assert kept == ()
    assert (ward.folder / "audits" / f"{ward.study.sha256}.json").exists()


def test_the_lower_bound_itself_is_kept(ward):
    found = audited(1.0, 1.0)
    audits.keep(ward.folder, ward.study, replace(found, claimed=found.best.low))

    assert audits.objections(ward.folder, ward.study.sha256, Leakage()) == ()
