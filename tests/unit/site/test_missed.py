"""A private study waits for witnesses, and what a ledger has lost is taken as spent."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from modelward.core.verdict import Refusal, Release
from modelward.errors import NotCompared
from modelward.hub.switchboard import Switchboard
from modelward.ledger.mail import from_body
from modelward.ledger.note import Signer
from modelward.privacy.book import read
from modelward.site.approving.keys import signing_key
from modelward.site.approving.readiness import check_now
from modelward.study.read import parse
from tests.circles import HUB_KEY
from tests.sites import FEDAVG, clock
from tests.unit.site.test_gatekeeper import Ward, approved

PRIVATE = parse(FEDAVG + "[privacy.dp]\nepsilon = 3.0\ndelta = 1e-4\n")
PUBLIC = parse(FEDAVG)


class Watched(Ward):
    """A site whose ledger the hub witnesses."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, PRIVATE, direct=True)
        self.board = Switchboard(folder / "board", HUB_KEY, clock)
        own = Signer("modelward/cleveland", signing_key(self.folder / "site.key"))
        self.board.meet([own.key])
        self.name = own.name
        self.keeper.by_majority = True

    def start_again(self) -> None:
        self.keeper = self.open()
        self.keeper.by_majority = True

    def mail(self, times: int = 3) -> None:
        """Hand mail to and fro."""
        for _ in range(times):
            self.keeper.mailbag.hear(self.board.outgoing(self.name).body())
            body = self.keeper.mailbag.out()
            if body is not None:
                self.board.incoming(self.name, from_body(body))


@pytest.fixture
def ward(tmp_path):
    made = Watched(tmp_path)
    yield approved(made)
    made.keeper.close()
    made.board.close()


@pytest.mark.slow
def test_witnesses_are_asked_again_before_a_study_is_reserved_and_not_for_each_round(
    tmp_path, monkeypatch
):
    """A machine that was put back as it ran has heard them, in a time that has gone."""
    start, passed = clock(), [timedelta()]
    for place in ("tests.unit.site.test_missed.clock", "tests.unit.site.test_gatekeeper.clock"):
        monkeypatch.setattr(place, lambda: start + passed[0])
    ward = Watched(tmp_path)
    approved(ward)
    ward.mail()
    assert ward.keeper._hospital.circle.compared
    passed[0] += timedelta(days=3)

    with pytest.raises(NotCompared, match="0 of 1 witnesses"):
        ward.ask(ward.task())
    ward.mail()
    first = ward.ask(ward.task())
    passed[0] += timedelta(days=3)
    again = ward.ask(ward.task())
    ward.keeper.close()
    ward.board.close()

    assert isinstance(first, Release)
    assert isinstance(again, Release)


def test_a_statement_is_told_before_anybody_approves_and_waits_for_witnesses(tmp_path):
    ward = Watched(tmp_path)
    ward.propose()
    check_now(ward.folder, ward.study, clock(), ["readmitted"], tell=True)
    with pytest.raises(NotCompared, match="0 of 0 witnesses"):
        ward.keeper.statements()
    assert [entry["kind"] for entry in ward.keeper._hospital.ledger] == ["policy"]
    ward.mail()

    told = ward.keeper.statements()
    kinds = [entry["kind"] for entry in ward.keeper._hospital.ledger]
    ward.keeper.close()
    ward.board.close()

    assert [study for study, _ in told] == [ward.study.sha256]
    assert kinds == ["policy", "reservation", "privacy", "release"]


def put_back(ward: Watched) -> None:
    """Answer round 1, and go back to the copy of the ledger from before."""
    ward.mail()
    copy = ward.folder.parent / "copy"
    shutil.copytree(ward.folder / "ledger", copy)
    assert isinstance(ward.ask(ward.task()), Release)
    ward.mail()
    ward.keeper.close()
    shutil.rmtree(ward.folder / "ledger")
    shutil.copytree(copy, ward.folder / "ledger")
    ward.start_again()


@pytest.mark.slow
def test_a_private_study_waits_until_a_majority_has_said_what_it_knows(ward):
    with pytest.raises(NotCompared, match="0 of 0 witnesses"):
        ward.ask(ward.task())

    ward.mail()

    assert isinstance(ward.ask(ward.task()), Release)


def test_it_waits_again_after_every_start(ward):
    ward.mail()
    ward.keeper.close()
    ward.start_again()

    with pytest.raises(NotCompared, match="0 of 1 witnesses"):
        ward.ask(ward.task())


@pytest.mark.slow
def test_a_site_that_was_put_back_releases_nothing(ward):
    put_back(ward)
    ward.mail()

    assert isinstance(ward.ask(ward.task()), Refusal)
    assert ward.keeper._hospital.circle.stopped is not None


@pytest.mark.slow
@pytest.mark.parametrize(("spent", "fits"), [(None, False), (9.0, False), (1.5, True)])
def test_what_was_lost_is_spent_for_everybody_once_two_persons_have_settled_it(
    ward, spent, fits
):
    put_back(ward)
    ward.mail()
    alarm = ward.keeper._hospital.circle.stopped
    assert alarm is not None

    alarms = ward.keeper._hospital.circle.witness.alarms
    alarms.settle(alarm.id, by="Dr Ada Byron with C. Babbage", reason="disk", spent=spent)
    first, again = ward.ask(ward.task()), ward.ask(ward.task())

    ledger = ward.keeper._hospital.ledger
    (gap,) = [entry for entry in ledger if entry["kind"] == "gap"]
    lifetime = ward.keeper._hospital.policy.epsilon_lifetime
    assert read(ledger).missing == (lifetime if spent is None else spent)
    assert "Dr Ada Byron with C. Babbage" in str(gap["by"])
    assert isinstance(first, Release) == isinstance(again, Release) == fits
    assert ward.keeper._hospital.spending.standing().spent >= read(ledger).missing
