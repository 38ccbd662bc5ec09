"""Every term of a study is held against the policy, and nothing in a study can loosen it."""

from dataclasses import replace

import numpy as np
import pytest

from modelward.core.study import RecipeChoice, Study
from modelward.core.task import Task
from modelward.gate.offer import Offer
from modelward.gate.policy import LANES, Policy
from modelward.gate.rules import standard
from modelward.gate.terms import clauses, objections
from modelward.study.answers import answer_to
from modelward.study.explain import tasks_of
from modelward.study.read import parse
from tests.sites import FEDAVG, fedavg, newton

OPEN = Policy(lanes=LANES)
"""The standard policy of a site that takes part in studies without a bound."""

TIGHTER = {
    "kind": replace(OPEN, kinds=frozenset({"metrics"})),
    "recipe": replace(OPEN, allowed_recipes=frozenset({"cnn"})),
    "purpose": replace(OPEN, purposes=frozenset({"Find early sepsis"})),
    "lead": replace(OPEN, leads=frozenset({"lead@example.org"})),
    "bytes": replace(OPEN, study_bytes=1000),
    "lane": Policy(),
    "hold": replace(OPEN, review=frozenset({"update"})),
}
"""Rule -> a policy under which tests/sites.py's study does not pass it."""


def failing(policy: Policy) -> set[str]:
    return {clause.rule for clause in clauses(fedavg(), policy) if not clause.passes}


def test_an_ordinary_study_passes_the_standard_policy_once_exact_figures_may_leave():
    assert failing(OPEN) == set()
    assert objections(fedavg(), OPEN) == ()


def test_without_a_word_of_the_site_nothing_without_a_bound_leaves():
    assert [finding.rule for finding in objections(fedavg(), Policy())] == ["lane"]
    assert objections(parse(FEDAVG + "[privacy.dp]\nepsilon = 3\n"), Policy()) == ()


@pytest.mark.parametrize("rule", TIGHTER)
def test_a_study_that_the_policy_does_not_allow_fails_that_rule_and_no_other(rule):
    assert failing(TIGHTER[rule]) == {rule}
    (clause,) = {c for c in clauses(fedavg(), TIGHTER[rule]) if not c.passes}
    assert clause.says
    assert clause.remedy


@pytest.mark.parametrize("rule", ["kind", "recipe", "purpose", "lead", "lane"])
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

    assert standard(study, OPEN)(offer) == ()
    assert rule in {finding.rule for finding in standard(study, TIGHTER[rule])(offer)}


def table_one(least: int) -> Study:
    plan = fedavg().plan.model_copy(update={"strategy": "sums"})
    recipe = RecipeChoice(name="describe", options={"min_cell": least})
    return fedavg().model_copy(update={"recipe": recipe, "plan": plan})


def test_a_study_cannot_ask_for_smaller_cells_than_the_policy_has():
    few, enough = table_one(9), table_one(10)

    assert [finding.rule for finding in objections(few, OPEN)] == ["cells"]
    assert objections(enough, OPEN) == ()
    assert objections(few, replace(OPEN, min_cell=9)) == ()


def test_the_smallest_byte_budgets_that_fit_are_enough():
    # statistics 8 + 3 * 24 bytes; 3 rounds of 16 bytes and of 2 * 256 counts of 8 bytes
    fits = replace(OPEN, round_bytes=4096, study_bytes=12_416, day_bytes=4096)

    assert failing(fits) == set()
    assert failing(replace(OPEN, round_bytes=4095)) == {"bytes"}
    assert failing(replace(OPEN, study_bytes=12_415)) == {"bytes"}
    assert failing(replace(OPEN, day_bytes=4095)) == {"bytes"}


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


def test_a_private_study_is_held_to_the_ceilings_and_runs_where_nothing_exact_may():
    private = parse(FEDAVG + "[privacy.dp]\nepsilon = 3\n")
    strict = Policy(lanes=frozenset({"dp"}), epsilon_study=2.0)

    said = {clause.rule: clause for clause in clauses(private, strict)}

    assert said["lane"].passes
    assert not said["budget"].passes
    assert "epsilon 3" in said["budget"].says
    assert objections(private, strict) == ()


def test_what_is_held_cannot_be_masked():
    masked = parse(
        FEDAVG.replace(
            "[stop]", '[privacy]\naggregation = "secagg"\n[sites]\nminimum = 3\n[stop]'
        )
    )
    policy = replace(OPEN, review=frozenset({"update"}), approvers={"Dr Ada Byron": "ab" * 32})

    failed = {c.rule for c in clauses(masked, policy) if not c.passes}

    assert failed == {"masks"}


def test_every_bound_that_can_be_told_beforehand_is_told():
    told = {clause.rule for clause in clauses(fedavg(), Policy())}

    assert {"cells", "difference", "copy", "membership", "lane", "masks", "bytes"} <= told
