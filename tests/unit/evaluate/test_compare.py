"""Differences are first minus second, on the same patients."""

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.evaluate.comparing.compare import auc_by_resamples, chance, compare
from modelward.evaluate.measures.discrimination import ONE_CLASS, WIDER
from modelward.evaluate.predictions import Predictions

TRUTH = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
SURE = Predictions.of(TRUTH, [0.9] * 5 + [0.1] * 5)
UNSURE = Predictions.of(TRUTH, [0.6, 0.6, 0.6, 0.6, 0.4, 0.4, 0.4, 0.4, 0.4, 0.6])


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_brier_by_hand():
    found = compare("brier", SURE, UNSURE, rng())

    # 0.1^2 for all; (8 * 0.4^2 + 2 * 0.6^2) / 10 = 0.2 for the other.
    assert (found.first, found.second) == pytest.approx((0.01, 0.2))
    assert found.difference.value == pytest.approx(-0.19)


def test_accuracy_by_hand():
    found = compare("accuracy", SURE, UNSURE, rng())

    assert (found.first, found.second) == pytest.approx((1, 0.8))
    assert found.difference.value == pytest.approx(0.2)


def test_auc_uses_the_paired_delong_interval():
    found = compare("auc", UNSURE, SURE, rng())

    # 16 of 25 pairs right, 8 tied, 1 wrong: 0.8 against 1.
    assert (found.first, found.second) == pytest.approx((0.8, 1))
    assert found.difference.interval is not None
    assert found.difference.interval.method == WIDER  # one of them makes no mistake at all


@pytest.mark.parametrize("metric", ["brier", "accuracy"])
def test_the_resamples_judge_both_models_on_the_same_patients(metric):
    found = compare(metric, SURE, SURE, rng())

    assert found.difference.interval is not None
    assert (found.difference.interval.low, found.difference.interval.high) == (0, 0)


@pytest.mark.parametrize("metric", ["auc", "brier", "accuracy"])
def test_other_patients_are_refused(metric):
    with pytest.raises(DataError, match="different units"):
        compare(metric, SURE, Predictions.of([1, 0], [0.5, 0.5]), rng())


def test_auc_by_resamples_is_the_same_difference_with_another_interval():
    rng = np.random.default_rng(2)
    outcome = rng.random(300) < 0.4
    one, two = (Predictions.of(outcome, (outcome + rng.random(300) * 2) / 3) for _ in range(2))

    alike, found = auc_by_resamples(one, [one, two], rng, 500)

    assert alike.interval is not None
    assert (alike.value, alike.interval.low, alike.interval.high) == (0, 0, 0)
    assert found.value == compare("auc", one, two, rng).difference.value
    assert found.interval is not None
    assert found.interval.method == "stratified bootstrap, 500 resamples"
    assert found.interval.low < (found.value or 0) < found.interval.high


def test_auc_by_resamples_has_no_value_where_all_outcomes_are_alike():
    healthy = Predictions.of([0, 0, 0], [0.1, 0.2, 0.3])

    assert auc_by_resamples(healthy, [healthy], rng(), 20)[0].note == ONE_CLASS


@pytest.mark.slow
def test_with_few_of_an_outcome_the_bootstrap_claims_a_difference_more_often_than_delong():
    runs, claims = 800, {"paired DeLong": 0, "bootstrap": 0}
    outcome = np.repeat([True, False], [10, 40])
    for seed in range(runs):
        draw = np.random.default_rng(seed)
        score = draw.normal(size=50) + 1.2 * outcome
        both = score + 0.6 * draw.normal(size=(2, 50))
        one, two = (Predictions.of(outcome, 1 / (1 + np.exp(-each))) for each in both)
        found = (
            compare("auc", one, two, draw).difference,
            auc_by_resamples(one, [two], draw, 500)[0],
        )
        for name, each in zip(claims, found, strict=True):
            assert each.interval is not None
            claims[name] += not each.interval.low <= 0 <= each.interval.high

    assert claims["paired DeLong"] < 0.05 * runs  # docs/evaluation.md
    assert claims["bootstrap"] > 1.5 * claims["paired DeLong"]


@pytest.mark.slow
def test_the_paired_brier_interval_covers_the_truth_about_95_times_in_100():
    runs, covered = 600, 0
    for seed in range(runs):
        draw = np.random.default_rng(seed)
        logit = draw.normal(size=120)
        outcome = draw.random(120) < 1 / (1 + np.exp(-logit))
        one, two = (1 / (1 + np.exp(-logit - draw.normal(size=120))) for _ in range(2))
        found = compare(
            "brier", Predictions.of(outcome, one), Predictions.of(outcome, two), draw, 500
        )
        assert found.difference.interval is not None
        covered += found.difference.interval.low <= 0 <= found.difference.interval.high

    assert 0.92 <= covered / runs <= 0.98


def test_a_difference_without_a_variance_has_no_p_value():
    outcome, rng = np.repeat([1, 0], [3, 3]), np.random.default_rng(0)
    perfect = Predictions.of(outcome, np.where(outcome, 0.9, 0.1))
    constant = Predictions.of(outcome, np.full(6, 0.5))

    assert chance("auc", perfect, constant, rng) is None
    assert chance("auc", perfect, perfect, rng) == 1.0
