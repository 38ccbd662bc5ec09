"""The facts of a report say how a study trained, whatever it asked for."""

import pytest

from modelward.hub.run_facts import study_facts
from modelward.study.read import parse
from tests.studies import AVERAGED


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ("", "federated averaging"),
        (
            "[plan.robust]\nclipping = true",
            "trimmed-mean, mixed with nearest neighbours, the longest shortened, against 1"
            " wrong site",
        ),
        (
            "[plan.local]\nproximal = 0.1\n[plan.robust]\nmixing = false\nbyzantine = 2",
            "averaged local training, combined by trimmed-mean, against 2 wrong sites, pulled"
            " to the round's model (FedProx, 0.1)",
        ),
        (
            '[plan.personal]\nkind = "ditto"\n[plan.uplink]\ncodec = "int8"\npacked = true',
            "federated averaging; a site's own: a second model, pulled to the common one"
            " (Ditto); updates leave as int8, packed",
        ),
    ],
)
def test_the_strategy_of_a_report_is_all_that_the_plan_asked_for(tables, says):
    study = parse(f"{AVERAGED}\n[sites]\nminimum = 5\n{tables}\n")

    assert study_facts(study).strategy == says
