"""A person decides about a proposal, with a key of their own, in writing that lasts."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.artifact.card import fingerprint
from modelward.artifact.decision import Decision, Word
from modelward.errors import MessageRefused, NotApproved
from modelward.site.approving.approvals import Approvals
from modelward.site.approving.decision_record import DecisionRecord
from tests.ledgers import open_ledger
from tests.sites import ADA, BEN, PEOPLE, agreement, clock, fedavg, make_site, newton, proposal


@pytest.fixture
def agreed(tmp_path):
    folders = {name: make_site(tmp_path / name, 1, 3) for name in ("cleveland", "va")}
    return agreement(newton(), folders)


@pytest.fixture
def approvals(tmp_path, agreed):
    made = Approvals(tmp_path / "cleveland", "cleveland", PEOPLE)
    made.receive(proposal(agreed))
    return made


def decide(
    approvals: Approvals,
    word: Word,
    study: str,
    person: str = "Dr Ada Byron",
    key: Ed25519PrivateKey = ADA,
) -> Decision:
    return approvals.decide(word, study, person, key, clock())


def test_a_proposal_is_found_by_its_hash_its_start_or_its_name(approvals, agreed):
    for named in (agreed.study.sha256, agreed.study.sha256[:8], "readmission"):
        assert approvals.proposal(named) == agreed


@pytest.mark.parametrize("named", ["", "a", "unknown", "../../etc"])
def test_what_fits_no_proposal_is_refused(approvals, named):
    with pytest.raises(NotApproved, match="0 proposals fit"):
        approvals.proposal(named)


def test_a_name_that_fits_two_studies_is_refused(approvals, agreed):
    approvals.receive(proposal(replace(agreed, study=fedavg())))

    assert len(approvals.proposals()) == 2
    with pytest.raises(NotApproved, match="2 proposals fit"):
        approvals.proposal("readmission")


def test_a_decision_binds_study_roster_site_and_person(approvals, agreed):
    made = decide(approvals, "approved", "readmission")

    assert Decision.read(made.body()) == made
    assert (made.study, made.roster) == (agreed.study.sha256, agreed.fingerprint)
    assert (made.site, made.person, made.number) == ("cleveland", "Dr Ada Byron", 1)
    assert made.key == PEOPLE["Dr Ada Byron"]
    assert made.time == "2026-11-20T10:00:00Z"


@pytest.mark.parametrize(
    ("person", "key"), [("Dr Ada Byron", BEN), ("Dr Ben Carr", BEN), ("Dr Ben Carr", ADA)]
)
def test_only_people_of_the_policy_decide_with_their_own_key(approvals, person, key):
    with pytest.raises(NotApproved, match="may not decide"):
        decide(approvals, "approved", "readmission", person, key)


def test_only_an_approval_can_be_withdrawn(approvals):
    with pytest.raises(NotApproved, match="has not approved"):
        decide(approvals, "withdrawn", "readmission")
    decide(approvals, "declined", "readmission")
    with pytest.raises(NotApproved, match="has not approved"):
        decide(approvals, "withdrawn", "readmission")


def test_a_decision_counts_only_once_it_is_in_the_ledger(approvals, agreed, tmp_path):
    study = agreed.study.sha256
    with open_ledger(tmp_path / "ledger") as ledger:
        record = DecisionRecord(ledger)
        decide(approvals, "approved", study)
        with pytest.raises(NotApproved, match="ledger"):
            approvals.approved(study, record)

        approvals.settle(record)

        assert approvals.approved(study, record) == agreed
        assert approvals.approved(study, DecisionRecord(ledger)) == agreed


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "task"}, "something else"),
        ({"study": "ab" * 32}, "something else"),
        ({"body": {}}, "terms and a roster"),
        ({"body": {"terms": {}, "roster": {}}}, "study"),
    ],
)
def test_a_proposal_that_is_none_is_refused(approvals, agreed, changes, says):
    with pytest.raises(MessageRefused, match=says):
        approvals.receive(replace(proposal(agreed), **changes))


def test_terms_that_are_not_written_out_are_refused(approvals, agreed):
    body = agreed.body()
    terms = dict(body["terms"])
    del terms["plan"]
    with pytest.raises(MessageRefused, match="written out"):
        approvals.receive(
            replace(proposal(agreed), body={**body, "terms": terms}, study=agreed.study.sha256)
        )


def test_terms_that_name_what_is_not_installed_are_refused(approvals, agreed):
    body = agreed.body()
    terms = {**body["terms"], "recipe": {"name": "os", "version": 1, "options": {}}}
    with pytest.raises(MessageRefused, match="recipe"):
        approvals.receive(replace(proposal(agreed), body={**body, "terms": terms}))


def test_of_two_who_decide_at_the_same_moment_the_second_is_told(tmp_path, agreed, monkeypatch):
    people = {**PEOPLE, "Ben Lovelace": fingerprint(BEN.public_key())}
    made = Approvals(tmp_path / "cleveland", "cleveland", people)
    made.receive(proposal(agreed))
    decide(made, "approved", "readmission")
    make = durable.make_folder
    first: list[Path] = []

    def meanwhile(path: Path) -> None:
        if not first:
            first.append(path)
            decide(made, "withdrawn", "readmission")
        make(path)

    monkeypatch.setattr(durable, "make_folder", meanwhile)
    with pytest.raises(NotApproved, match="somebody else has just decided"):
        decide(made, "approved", "readmission", "Ben Lovelace", BEN)

    words = [each.word for each in made.decided(agreed.study.sha256)]
    assert words == ["approved", "withdrawn"], "no withdrawal is lost"
