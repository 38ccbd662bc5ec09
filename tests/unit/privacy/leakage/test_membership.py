"""Intervals against values worked out by hand; the attack on losses made for it."""

import numpy as np
import pytest

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
