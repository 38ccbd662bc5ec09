"""How much better a candidate is, class by class: by hand."""

from math import sqrt

import numpy as np
import pytest

from modelward.exchange.methods.evidence import (
    Evidence,
    Told,
    difference,
    in_class,
    pairs,
    rated,
    reported,
    share,
    together,
)

NONE = np.zeros(0)
NOBODY = np.zeros(0, int)


def own(*right: int) -> Evidence:
    """What a candidate got right on own units, and no word of peers."""
    return Evidence(np.array(right, float), {})


def test_the_interval_is_that_of_a_stratified_mean_of_paired_differences():
    y = np.array([0] * 4 + [1] * 4)
    first, second = own(1, 1, 1, 1, 1, 1, 0, 0), own(1, 1, 0, 0, 1, 1, 0, 0)

    value, low, high = difference(first, second, y, 2)

    # class 0: 2 / 5.5 and (3 / 5.5 - (2 / 5.5)^2) / 6.5; class 1: none better,
    # none worse: 0 and (1 / 5.5) / 6.5.
    half = 1.959964 * sqrt(((3 / 5.5 - (2 / 5.5) ** 2) + 1 / 5.5) / 6.5) / 2
    assert (value, low, high) == pytest.approx((1 / 5.5, 1 / 5.5 - half, 1 / 5.5 + half))


def test_two_of_two_is_not_certain():
    assert pairs(np.ones(2), np.zeros(2))[1] > 0.05
    assert share(np.zeros(2)) == pytest.approx((1 / 6, 5 / 36 / 4))


def test_a_class_without_own_units_is_judged_by_what_peers_report_of_both():
    told = [Told(0.9, 100), Told(0.8, 100), Told(0.1, 100)]

    value, variance = in_class(
        Evidence(NONE, {1: told}), Evidence(NONE, {1: [Told(0.2, 100)]}), NOBODY, 1
    ) or (0.0, 0.0)

    # medians 0.8 and 0.2; smoothed shares 81 / 102 and 21 / 102, each of 100 units
    assert value == pytest.approx(0.6)
    assert variance == pytest.approx((81 * 21 + 21 * 81) / 102**2 / 100)


def test_what_was_never_learnt_is_not_recognised_so_the_candidates_recall_is_the_difference():
    pool = Evidence(NONE, {2: [Told(0.7, 50)]})
    local = Evidence(NONE, {}, never=frozenset({2}))

    assert in_class(pool, local, NOBODY, 2) == pytest.approx(reported([Told(0.7, 50)]))
    assert in_class(pool, Evidence(NONE, {}), NOBODY, 2) is None, "or nobody could say"


def test_a_never_learnt_class_is_judged_by_own_units_as_well():
    pool = Evidence(np.ones(2), {0: [Told(0.7, 50)]})
    local = Evidence(np.zeros(2), {}, never=frozenset({0}))

    found = in_class(pool, local, np.zeros(2, int), 0)

    assert found == together([share(np.ones(2)), reported([Told(0.7, 50)])])


def test_few_own_units_lean_towards_the_local_model_where_peers_know_the_candidate_alone():
    told = {0: [Told(0.9, 50)]}
    pool, local = Evidence(np.ones(2), told), Evidence(np.zeros(2), {})

    value, variance = in_class(pool, local, np.zeros(2, int), 0) or (0.0, 0.0)

    floor = 1 / 3.5  # (0 + 0.5 + 0.5) / (2 + 1.5), though none of two was recognised
    assert value == pytest.approx(0.9 - floor)
    assert variance == pytest.approx(reported(told[0])[1] + floor * (1 - floor) / 4.5)


def test_ten_own_units_speak_for_themselves():
    pool = Evidence(np.ones(10), {0: [Told(0.1, 1000)]})
    local = Evidence(np.zeros(10), {})

    assert in_class(pool, local, np.zeros(10, int), 0) == pairs(np.ones(10), np.zeros(10))


def test_training_units_count_only_where_neither_has_learnt_from_them():
    tried = {0: np.ones(3)}
    y = np.zeros(1, int)
    pool = Evidence(np.ones(1), {}, tried)
    local = Evidence(np.zeros(1), {}, {0: np.zeros(3)})
    student = Evidence(np.ones(1), {})

    assert in_class(pool, local, y, 0) == pairs(np.ones(4), np.zeros(4))
    assert in_class(student, local, y, 0) == pairs(np.ones(1), np.zeros(1))


def test_own_and_reported_differences_are_weighted_by_their_certainty():
    assert together([(0.0, 1.0), (1.0, 3.0)]) == pytest.approx((0.25, 0.75))
    assert together([]) is None


def test_a_rating_asks_own_units_first_and_leaves_out_what_nobody_could_judge():
    y = np.zeros(10, int)
    found = Evidence(np.r_[np.ones(9), 0.0], {0: [Told(0.1, 9)], 1: [Told(0.5, 9)]})

    assert rated(found, y, 3) == pytest.approx((0.9 + 0.5) / 2)
    assert rated(Evidence(NONE, {}), NOBODY, 3) is None
