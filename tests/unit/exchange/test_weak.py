"""Weak to strong: what the formulas say, and both ends of the automatic stop."""

import numpy as np
import pytest

from modelward.errors import BadArtifact
from modelward.exchange.families.catalogue import load
from modelward.exchange.families.family import Floats, Shape
from modelward.exchange.methods import weak
from modelward.exchange.methods.probability import Labels, log_softmax


def test_the_gap_recovered_is_a_share_of_what_was_to_be_gained():
    assert weak.gap_recovered(0.8, 0.7, 0.9) == pytest.approx(0.5)
    assert weak.gap_recovered(0.8, 0.9, 0.9) is None


def test_hard_answers_keep_the_classes_as_frequent_as_the_teachers_say():
    draw = np.random.default_rng(0)
    log_p = log_softmax(draw.standard_normal((400, 2)) + np.array([2.0, 0.0]))
    taught = np.tile([[0.5, 0.5]], (400, 1))

    found = weak.hardened(log_p, taught)

    assert (log_p.argmax(1) == 0).mean() > 0.85
    assert found.mean(0) == pytest.approx([0.5, 0.5], abs=0.06)


def test_a_student_that_was_never_trained_is_refused():
    family = load("mlp-8")
    fresh = family.initial(Shape((4,), 2), 3)

    with pytest.raises(BadArtifact, match="not pre-trained"):
        weak.require_pretrained(fresh, family, family.initial(Shape((4,), 2), 3))


def certain(y: Labels, right: float, seed: int) -> Floats:
    """Log-probabilities that are right with probability `right`."""
    draw = np.random.default_rng(seed)
    said = np.where(draw.random(len(y)) < right, y, 1 - y)
    return log_softmax(np.eye(2)[said] * 4.0)


def test_a_student_that_is_better_is_kept_and_one_that_is_not_stops():
    y = np.arange(600) % 2

    better = weak.judged(certain(y, 0.95, 1), certain(y, 0.7, 2), y, {})
    same = weak.judged(certain(y, 0.7, 3), certain(y, 0.7, 2), y, {})

    assert (better.stopped, better.choice.adopted) == (False, True)
    assert same.stopped
    assert "local is kept" in same.choice.reason
