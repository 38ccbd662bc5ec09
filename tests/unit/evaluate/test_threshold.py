"""The threshold of summed counts is the one that pooled scores would give, up to a bin."""

import numpy as np
import pytest

from modelward.evaluate.measures.binned import histogram
from modelward.evaluate.measures.threshold import chosen_threshold
from modelward.evaluate.predictions import Predictions


def counts(negatives: list[int], positives: list[int]) -> np.ndarray:
    return np.array([negatives, positives], np.int64)


def test_youden_lies_between_two_clouds():
    assert chosen_threshold(counts([9, 0, 0, 0], [0, 0, 0, 5]), "youden") == 0.5


def test_a_sensitivity_is_reached_with_as_few_alarms_as_can_be():
    table = counts([4, 4, 1, 1], [1, 1, 4, 4])

    assert chosen_threshold(table, "sensitivity", 0.8) == 0.5  # 8 of 10
    assert chosen_threshold(table, "sensitivity", 0.81) == 0.25  # 9 of 10
    assert chosen_threshold(table, "specificity", 0.8) == 0.5
    assert chosen_threshold(table, "specificity", 0.95) == 1.0


def test_without_one_outcome_there_is_none():
    assert chosen_threshold(counts([3, 3], [0, 0]), "youden") is None


def test_sums_over_sites_choose_what_pooled_scores_would():
    rng = np.random.default_rng(5)
    p = rng.uniform(size=600)
    y = rng.uniform(size=600) < p
    parts = [histogram(Predictions.of(y[n::3], p[n::3])) for n in range(3)]  # three hospitals
    found = chosen_threshold(sum(parts[1:], start=parts[0]), "youden")
    gain = [(p[y] >= t).mean() + (p[~y] < t).mean() for t in np.arange(257) / 256]
    assert found is not None

    assert (p[y] >= found).mean() + (p[~y] < found).mean() == pytest.approx(max(gain))
