"""What a site's people read of its budget."""

import pytest

from modelward.core.canonical import Json
from modelward.gate.policy import Policy
from modelward.privacy.accounting import Event, epsilon
from modelward.privacy.book import close_fields, reserve_fields
from modelward.privacy.budget import cohort_hash
from modelward.privacy.plan import plan_of
from modelward.site.budget.charged import write_members
from modelward.site.budget.statement import statement
from tests.private_studies import Ward, private_study
from tests.studies import AVERAGED, table_study

STEP = Event(0.1, 1.0, 10)


def test_a_statement_tells_spent_reserved_and_left_and_lists_what_has_no_bound(tmp_path):
    ward = Ward(tmp_path / "north", private_study())
    ward.released(ward.task(1))
    exact = table_study(AVERAGED)
    ward.study = exact
    ward.site.join(exact)
    ward.released(ward.task(0, "statistics"))

    found = statement(ward.site.ledger, ward.folder, Policy())
    ward.site.close()

    private, other = found.accounts
    plan = plan_of(private_study())
    spent = epsilon([plan.training], 1e-5)
    assert private.events == (plan.training,)
    assert private.standing.spent == found.whole.spent == spent
    assert private.standing.spent + private.standing.reserved == pytest.approx(2.99, abs=0.02)
    assert found.whole.left == pytest.approx(7.0, abs=0.02)
    assert private.renyi > spent
    assert 100 < private.patients < 160
    assert (dict(other.unbounded), other.events) == ({"statistics": 1}, ())
    assert not private.unbounded
    assert found.to_json()["ceilings"] == {"study": 8.0, "lifetime": 10.0}


def test_a_site_that_released_nothing_has_everything_left(tmp_path):
    found = statement([], tmp_path, Policy(epsilon_lifetime=4.0))

    assert found.accounts == ()
    assert found.whole.left == 4.0


def test_a_study_that_was_refused_is_listed_with_what_is_left_and_what_would_fit(tmp_path):
    refusal: dict[str, Json] = {
        "kind": "refusal",
        "study": "ab" * 32,
        "findings": [
            {"rule": "budget", "says": "so 8.00 is left", "remedy": "what would fit: 3 steps"}
        ],
    }
    (tmp_path / "proposals").mkdir()

    (listed,) = statement([refusal], tmp_path, Policy()).refused

    assert (listed.says, listed.fits) == ("so 8.00 is left", "what would fit: 3 steps")
    reserved: dict[str, Json] = {
        "kind": "reservation",
        **reserve_fields("r", "ab" * 32, "c", [STEP]),
    }
    closed: dict[str, Json] = {"kind": "closure", **close_fields("r", "ab" * 32)}
    write_members(tmp_path, ("a", "b"))
    reserved["cohort"] = cohort_hash(("a", "b"))
    assert statement([refusal, reserved, closed], tmp_path, Policy()).refused == ()


def test_a_study_is_called_as_it_was_proposed(tmp_path):
    entry: dict[str, Json] = {
        "kind": "release",
        "study": "cd" * 32,
        "task": "t",
        "artifact": "update",
        "privacy": {"mechanism": "none"},
    }
    assert [each.name for each in statement([entry], tmp_path, Policy()).accounts] == [""]

    (tmp_path / "proposals").mkdir()
    said = '{"terms": {"study": {"id": "heart"}}}'
    (tmp_path / "proposals" / f"{'cd' * 32}.json").write_text(said)

    (account,) = statement([entry], tmp_path, Policy()).accounts
    assert account.name == "heart"
