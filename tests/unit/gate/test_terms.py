"""Every term of a study is held against the policy, and nothing in a study can loosen it."""

import numpy as np
import pytest

from modelward.core.task import Task
from modelward.gate.policy import Policy
from modelward.gate.rules import Offer, standard
from modelward.gate.terms import clauses, objections, tasks_of
from modelward.study.answers import answer_to
from tests.sites import fedavg, newton

TIGHTER = {
    "kind": Policy(kinds=frozenset({"metrics"})),
    "recipe": Policy(allowed_recipes=frozenset({"cnn"})),
    "purpose": Policy(purposes=frozenset({"Find early sepsis"})),
    "lead": Policy(leads=frozenset({"lead@example.org"})),
    "bytes": Policy(study_bytes=1000),
    "hold": Policy(review=frozenset({"update"})),
}
"""Rule -> a policy under which tests/sites.py's study does not pass it."""


def failing(policy: Policy) -> set[str]:
    return {clause.rule for clause in clauses(fedavg(), policy) if not clause.passes}


def test_an_ordinary_study_passes_the_standard_policy():
    assert failing(Policy()) == set()
    assert objections(fedavg(), Policy()) == ()


@pytest.mark.parametrize("rule", TIGHTER)
def test_a_study_that_the_policy_does_not_allow_fails_that_rule_and_no_other(rule):
    assert failing(TIGHTER[rule]) == {rule}
    (clause,) = {c for c in clauses(fedavg(), TIGHTER[rule]) if not c.passes}
    assert clause.says
    assert clause.remedy


@pytest.mark.parametrize("rule", ["kind", "recipe", "purpose", "lead"])
def test_what_fails_beforehand_is_refused_at_the_door_as_well(rule):
    """Also for a study that was approved before the policy was tightened."""
    study = fedavg()
    kind, schema = answer_to(study, "train")
    offer = Offer(
        task=Task(study=study.sha256, round_no=1, kind="train", model="b" * 64),
        kind=kind,
        tensors={spec.name: np.zeros(spec.shape, np.float32) for spec in schema},
        patients=100,
        schema=schema,
    )

    assert standard(study, Policy())(offer) == ()
    assert rule in {finding.rule for finding in standard(study, TIGHTER[rule])(offer)}


def test_the_smallest_byte_budgets_that_fit_are_enough():
    # statistics 8 + 3 * 24 bytes; 3 rounds of 16 bytes and of 2 * 256 counts of 8 bytes
    fits = Policy(round_bytes=4096, study_bytes=12_416, day_bytes=4096)

    assert failing(fits) == set()
    assert failing(Policy(round_bytes=4095)) == {"bytes"}
    assert failing(Policy(study_bytes=12_415)) == {"bytes"}
    assert failing(Policy(day_bytes=4095)) == {"bytes"}


def test_the_cohort_is_counted_once_it_is_known():
    few = {"train": 19, "validation": 5, "test": 3}
    unknown = [c for c in clauses(fedavg(), Policy()) if c.rule == "min-patients"]
    known = [c for c in clauses(fedavg(), Policy(), few) if c.rule == "min-patients"]

    assert [c.passes for c in unknown] == [True]
    assert "not known yet" in unknown[0].says
    assert [c.passes for c in known] == [False]
    assert "19 training units, at least 20" in known[0].says


def test_the_tasks_follow_from_the_terms():
    assert tasks_of(newton()) == ("statistics", "newton")
    assert tasks_of(fedavg()) == ("statistics", "train", "evaluate")
