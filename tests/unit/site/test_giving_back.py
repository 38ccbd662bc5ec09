"""A withdrawal gives back what was reserved and not used, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelward.core.verdict import Refusal, Release
from modelward.site.approving.decision_record import DecisionRecord
from tests.unit.site.test_gatekeeper import Ward, approved
from tests.unit.site.test_missed import PRIVATE

pytestmark = pytest.mark.slow


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    """A site that has answered the first of two rounds."""
    made = Ward(tmp_path, PRIVATE, direct=True)
    assert isinstance(approved(made).ask(made.task()), Release)
    yield made
    made.keeper.close()


def standing(ward: Ward) -> tuple[float, float]:
    found = ward.keeper._hospital.spending.standing()
    return found.spent, found.reserved


def test_what_was_not_used_is_free_again_and_what_was_used_is_not(ward):
    spent, reserved = standing(ward)
    assert spent > 0
    assert reserved > 0

    ward.decide("withdrawn")
    ward.keeper.settle()

    assert standing(ward) == (spent, 0.0)
    ward.keeper.settle()
    assert [e["kind"] for e in ward.keeper._hospital.ledger].count("closure") == 1


def test_it_is_given_back_after_a_start_where_a_node_was_killed_before_it_could(ward):
    ward.decide("withdrawn")
    ward.keeper.approvals.settle(DecisionRecord(ward.keeper._hospital.ledger))
    assert standing(ward)[1] > 0

    ward.reopen()
    ward.keeper.settle()

    assert standing(ward)[1] == 0.0


def test_whoever_approves_again_learns_that_a_new_version_is_needed(ward):
    ward.decide("withdrawn")
    ward.keeper.settle()
    ward.decide("approved")

    assert isinstance(ward.ask(ward.task(2)), Refusal)

    (finding,) = ward.last()["findings"]
    assert finding["rule"] == "budget"
    assert "new version of the study" in finding["remedy"]
