"""What a private study does to patients follows from the study alone."""

import pytest

from modelward.errors import BadPrivacyTerms
from modelward.privacy.accounting import Event, epsilon
from modelward.privacy.plan import plan_of, steps_per_round
from tests.private_studies import NOISED, PRIVATE, WATCHED, private_study
from tests.studies import table_study


@pytest.mark.parametrize("text", [PRIVATE, WATCHED, NOISED], ids=["plain", "watched", "noised"])
def test_each_group_of_patients_costs_no_more_than_the_study_says(text):
    plan = plan_of(private_study(text))

    assert 2.9 < epsilon(plan.whole("train"), 1e-5) <= 3.0
    assert epsilon(plan.whole("validation"), 1e-5) <= 3.0


def test_the_whole_is_every_task_of_every_round():
    plan = plan_of(private_study(WATCHED))

    assert plan.statistics is None  # ranges cost nobody anything
    assert (plan.training.sampling, plan.training.steps) == (0.5, 2)
    assert plan.whole("train") == (Event(0.5, plan.training.noise, 6),)
    assert plan.metrics is not None
    assert plan.whole("validation") == (Event(1.0, plan.metrics.noise, 3),)
    assert plan.of("train") == plan.training
    assert plan.of("evaluate") == plan.metrics
    assert plan.of("statistics") is None


def test_statistics_take_a_share_and_training_what_is_left():
    free, noised = plan_of(private_study()), plan_of(private_study(NOISED))

    assert noised.statistics is not None
    assert epsilon([noised.statistics], 1e-5) <= 0.3
    assert noised.training.noise > free.training.noise


def test_a_share_of_positives_is_a_statistic():
    adjusted = private_study(PRIVATE, ("lr = 0.5", 'lr = 0.5\nlabel_skew = "logit-adjustment"'))

    assert plan_of(adjusted).statistics is not None


@pytest.mark.parametrize(
    ("epochs", "sampling", "steps"), [(1, 0.1, 10), (2, 0.1, 20), (1, 0.3, 4), (3, 1.0, 3)]
)
def test_a_unit_is_taken_as_often_as_the_plan_says(epochs, sampling, steps):
    assert steps_per_round(epochs, sampling) == steps


def test_a_study_without_a_bound_has_no_plan():
    with pytest.raises(BadPrivacyTerms, match="asks for no differential privacy"):
        plan_of(table_study())
