"""An auditor finds in the ledger under which bounds something left."""

from modelward.gate.policy import Policy
from modelward.site.approving.policy_record import OWNER, known_policy, note_policy
from tests.ledgers import open_ledger


def test_a_change_is_recorded_once_and_the_standard_policy_is_no_change(tmp_path):
    stricter = Policy(min_patients=50)
    with open_ledger(tmp_path / "ledger") as ledger:
        assert not note_policy(ledger, Policy())
        assert note_policy(ledger, stricter)
        assert not note_policy(ledger, stricter)
        (entry,) = ledger
        assert (entry["kind"], entry["by"]) == ("policy", OWNER)
        assert (entry["before"], entry["after"]) == (Policy().sha256, stricter.sha256)
    with open_ledger(tmp_path / "ledger") as ledger:
        assert known_policy(ledger) == stricter.sha256
        assert note_policy(ledger, Policy()), "back to the standard bounds is a change too"
        assert [entry["kind"] for entry in ledger] == ["policy", "policy"]
