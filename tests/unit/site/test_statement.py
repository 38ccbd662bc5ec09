"""What a site's people read of its budget."""

import pytest

from modelward.gate.policy import Policy
from modelward.privacy.accounting import epsilon
from modelward.privacy.plan import plan_of
from modelward.site.statement import statement
from tests.private_studies import Ward, private_study
from tests.studies import AVERAGED, table_study


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
