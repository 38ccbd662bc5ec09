"""Figures of noised counts: those of the counts without noise, and wider with it."""

import numpy as np
import pytest

from modelward.evaluate.measures.scores import score
from modelward.evaluate.told import noised
from modelward.evaluate.told.behind import expanded
from modelward.evaluate.told.noised import Noised

COUNTS = np.array([[30, 20, 8, 2], [5, 10, 15, 30]])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([9, seed])


def test_without_noise_the_figures_are_those_of_the_counted_units():
    found = noised.scores(Noised(COUNTS.astype(float), 0.0, 120), rng(), "north")
    exact = score(expanded(COUNTS), rng(), draws=10)

    assert (found.site, found.units, found.positives) == ("north", 120, 60)
    for name in ("auc", "accuracy", "sensitivity", "specificity", "brier"):
        assert getattr(found, name).value == pytest.approx(getattr(exact, name).value), name
    assert exact.auc.interval is not None
    assert found.auc.interval is not None
    assert found.auc.interval.low == pytest.approx(exact.auc.interval.low, abs=0.03)
    assert found.accuracy.value == pytest.approx((30 + 20 + 15 + 30) / 120)
    assert found.slope.note == "not fitted to noised counts"


def test_in_a_level_the_threshold_is_the_study_s_and_the_outcome_is_held_against_the_model():
    counted = Noised(COUNTS.astype(float), 0.0, 120)
    found = noised.group_scores(counted, ("sex", "women", "north"), 0.75, rng())

    assert (found.group, found.level, found.site) == ("sex", "women", "north")
    assert found.sensitivity.value == pytest.approx(30 / 60)
    assert found.false_alarms.value == pytest.approx(2 / 60)
    expected = (35 * 0.125 + 30 * 0.375 + 23 * 0.625 + 32 * 0.875) / 120
    assert found.beyond.value == pytest.approx(60 / 120 - expected)


def test_nothing_is_said_of_an_outcome_that_noise_could_have_made_up():
    few = Noised(np.array([[40.0, 20.0], [4.0, 7.0]]), 5.0, 70)
    assert not few.told
    assert noised.scores(few, rng(), "").auc.note == noised.TOO_LOUD
    assert noised.group_scores(few, ("sex", "men", ""), 0.5, rng()).units is None
    assert Noised(np.array([[40.0, 20.0], [14.0, 17.0]]), 5.0, 90).told


def test_intervals_hold_the_noise_as_often_as_they_say():
    shares = np.array([[0.5, 0.3, 0.15, 0.05], [0.1, 0.2, 0.3, 0.4]])
    truth = float(shares[1] @ (shares[0].cumsum() - shares[0] / 2))
    held, draw = 0, rng(1)
    for _ in range(100):
        counts = np.stack(
            [draw.multinomial(n, row) for n, row in zip((80, 60), shares, strict=True)]
        )
        seen = counts + draw.normal(0, 4, counts.shape)
        found = noised.scores(Noised(seen, 4.0, 140), draw, "").auc
        assert found.interval is not None
        held += found.interval.low <= truth <= found.interval.high

    assert held >= 88  # of 100 at 95 %: fewer than 88 once in a thousand times
