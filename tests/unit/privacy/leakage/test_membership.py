"""Intervals against values worked out by hand; the attack on losses made for it."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from modelward.gate.leaks import tells
from modelward.privacy.leakage import membership


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    [
        (10, 10, 0.05 ** (1 / 10)),  # p^10 = 0.05
        (1, 10, 1 - 0.95 ** (1 / 10)),  # 1 - (1-p)^10 = 0.05
        (0, 10, 0.0),
        (100, 100, 0.05 ** (1 / 100)),
        (1, 200, 1 - 0.95 ** (1 / 200)),
    ],
)
def test_lower_bounds_are_those_of_clopper_and_pearson(hits, n, expected):
    assert membership.lower_bound(hits, n) == pytest.approx(expected, abs=1e-9)


def test_every_member_with_a_smaller_loss_is_found():
    found = membership.attack("all", np.linspace(0, 0.1, 50), np.linspace(0.5, 1, 200))

    assert found is not None
    assert (found.auc, found.found) == (1.0, 1.0)
    assert found.found_low == pytest.approx(0.05 ** (1 / 50))
    assert tells(found, 0.05)


def test_auc_counts_ties_as_half():
    found = membership.attack("all", np.array([1.0] * 5), np.array([1.0] * 5 + [2.0] * 5))

    assert found is not None
    assert found.auc == pytest.approx(0.75)  # 5 of 10 above, 5 tied
    assert found.found == 0.0


def test_too_few_on_either_side_are_not_measured():
    assert membership.attack("all", np.zeros(4), np.ones(100)) is None
    assert membership.attack("all", np.zeros(100), np.ones(4)) is None


@pytest.mark.slow
def test_members_like_non_members_are_hardly_ever_told():
    draw = np.random.default_rng(1)
    told = 0
    for _ in range(400):
        found = membership.attack("all", draw.exponential(size=150), draw.exponential(size=60))
        assert found is not None
        told += tells(found, 0.05)

    assert told <= 4  # at most one in a hundred


def test_rare_outcomes_are_attacked_on_their_own():
    draw = np.random.default_rng(2)
    member_y = (np.arange(200) < 20).astype(np.int8)
    other_y = (np.arange(100) < 12).astype(np.int8)
    members = np.where(member_y == 1, 1e-4, draw.exponential(size=200))
    others = np.where(other_y == 1, 3.0, draw.exponential(size=100))

    groups = membership.by_outcome(members, member_y, others, other_y)
    found = {each.group: each for each in groups}

    assert tells(found["positive"], 0.05)
    assert not tells(found["negative"], 0.05)


def test_finding_by_lot_is_what_drawing_without_replacement_gives():
    found = membership.attack("all", np.arange(30.0), np.append(29.5, np.arange(40.0, 52.0)))

    assert found is not None
    assert found.found == pytest.approx(1.0)  # all thirty are below the smallest other
    assert membership.by_lot(found) == pytest.approx(hypergeom.cdf(0, 43, 13, 30))


def test_with_several_held_out_records_let_pass_it_is_exact_too():
    draw = np.random.default_rng(5)
    found = membership.attack("all", draw.exponential(0.2, 400), draw.exponential(1, 250))

    assert found is not None
    hits = round(found.found * 400)
    assert membership.by_lot(found) == pytest.approx(hypergeom.cdf(2, 650, 250, hits + 2))


@pytest.mark.exhaustive
@pytest.mark.slow
def test_few_held_out_records_refuse_hardly_any_honest_release():
    draw = np.random.default_rng(6)
    told = 0
    for _ in range(2000):
        found = membership.attack("all", draw.exponential(size=328), draw.exponential(size=41))
        assert found is not None
        told += tells(found, 0.05)

    assert told <= 2
