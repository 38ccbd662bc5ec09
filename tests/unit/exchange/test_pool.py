"""Poolers on two classes, with answers worked out by hand."""

import numpy as np
import pytest

from modelward.errors import BadArtifact
from modelward.exchange.methods.pool import (
    Opinion,
    masked_geometric,
    prior_corrected,
    uniform,
)


def opinion(p: list[float], counts: list[float]) -> Opinion:
    """One model's probabilities for one unit, and what it had seen."""
    return Opinion(np.log(np.array([p])), np.array(counts))


def test_uniform_is_the_mean_probability():
    found = uniform([opinion([0.9, 0.1], [9, 1]), opinion([0.5, 0.5], [1, 1])])

    assert np.exp(found)[0] == pytest.approx([0.7, 0.3])


def test_a_model_that_only_repeats_its_prior_says_nothing_once_it_is_corrected():
    # pi = (7 + 1) / 10, (1 + 1) / 10: the answer is the prior, so the corrected one is even.
    alone = prior_corrected([opinion([0.8, 0.2], [7, 1])])

    assert np.exp(alone)[0] == pytest.approx([0.5, 0.5])


def test_the_mean_is_over_corrected_answers():
    # 0.6/0.8 : 0.4/0.2 = 0.75 : 2 -> 3/11, 8/11; the other is even already.
    both = prior_corrected([opinion([0.6, 0.4], [7, 1]), opinion([0.5, 0.5], [4, 4])])

    assert np.exp(both)[0] == pytest.approx([(3 / 11 + 0.5) / 2, (8 / 11 + 0.5) / 2])


def test_doubt_is_no_answer_so_no_prior_is_taken_out_of_it():
    # It has seen the second class hardly, and says nothing: it goes on saying nothing.
    silent = Opinion(np.log(np.array([[0.5, 0.5]])), np.array([7, 1]), np.zeros((1, 2)))
    assert np.exp(prior_corrected([silent]))[0] == pytest.approx([0.5, 0.5], abs=1e-6)

    # 0.6 and 0.2 are known, 0.1 each is doubt: 0.6/0.8 : 0.2/0.2 = 3 : 4 of 0.8, and the doubt.
    partly = opinion([0.7, 0.3], [7, 1])
    partly = Opinion(partly.log_p, partly.counts, np.array([[0.6, 0.2]]))
    expected = [0.8 * 3 / 7 + 0.1, 0.8 * 4 / 7 + 0.1]
    assert np.exp(prior_corrected([partly]))[0] == pytest.approx(expected, abs=1e-6)


def test_who_has_not_seen_three_of_a_class_is_not_asked_about_it():
    knows, has_not_seen = opinion([0.5, 0.5], [16, 16]), opinion([0.9, 0.1], [16, 2])

    found = np.exp(masked_geometric([knows, has_not_seen]))[0]

    # class 1: log 0.5 + log 2 of the first alone; class 0: weights 4 and 4.
    first = 0.5 * (np.log(0.5 / 0.5) + np.log(0.9 / (17 / 20)))
    assert found == pytest.approx(np.exp([first, 0]) / np.exp([first, 0]).sum())


def test_a_class_that_nobody_knows_is_never_the_answer():
    found = masked_geometric([opinion([0.4, 0.6], [50, 0]), opinion([0.3, 0.7], [20, 1])])

    assert found.argmax() == 0


def test_the_order_of_models_never_changes_an_answer():
    models = [opinion([0.6, 0.4], [7, 3]), opinion([0.2, 0.8], [3, 9])]

    for pooler in (uniform, prior_corrected, masked_geometric):
        assert pooler(models) == pytest.approx(pooler(models[::-1]), abs=1e-12)


def test_nothing_cannot_be_combined():
    with pytest.raises(BadArtifact, match="0 models"):
        uniform([])
