"""Words behind masks are the same sums that are made without masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.aggregate import fixed_point
from modelward.aggregate.fixed_point import UpdateSum, exact_sum, to_grid
from modelward.core.ring import MAX_SITES
from modelward.errors import BadUpdate
from modelward.privacy.masks import grid
from modelward.privacy.masks.grid import (
    largest_weight,
    read_sums,
    read_update,
    sums_words,
    update_words,
)

UNIT = 2.0**-24
edge = 2**31 - 128  # the largest multiple of 2^-24 below 2^7 that float32 holds

updates = st.lists(
    st.tuples(
        st.lists(st.one_of(st.integers(-(2**24), 2**24), st.sampled_from([edge, -edge])),
                 min_size=2, max_size=2),
        st.integers(1, largest_weight(8)),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip
statistics = st.lists(
    st.lists(st.floats(-(2.0**61), 2.0**61).map(lambda x: float(to_grid(np.array(x)))),
             min_size=3, max_size=3),
    min_size=1,
    max_size=8,
)  # fmt: skip


def test_both_sums_have_the_same_grid():
    for name in ("UPDATE_BITS", "UPDATE_RANGE_BITS", "SUMS_BITS", "SUMS_RANGE_BITS"):
        assert getattr(grid, name) == getattr(fixed_point, name)
    assert grid.MAX_WEIGHT == fixed_point.MAX_WEIGHT


@given(updates)
def test_a_sum_of_words_has_the_mean_that_updates_have_without_masks(sites):
    plain, words = UpdateSum(2), np.zeros(3, np.uint64)
    for values, weight in sites:
        flat = np.array([value * UNIT for value in values], np.float32)
        plain.add(flat, weight)
        words += update_words(flat, weight, len(sites))

    unmasked = UpdateSum.of(*read_update(words))

    assert unmasked.weight == plain.weight
    assert unmasked.mean().tobytes() == plain.mean().tobytes()


@given(statistics)
def test_a_sum_of_limbs_is_the_exact_sum_of_statistics(sites):
    words = np.zeros(6, np.uint64)
    for values in sites:
        words += sums_words(np.array(values))

    plain = exact_sum([{"x": np.array(values)} for values in sites])["x"]

    assert read_sums(words).tolist() == plain.tolist()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_roster_with_the_largest_values_does_not_wrap(sign):
    flat = np.array([sign * edge * UNIT], np.float32)
    weight = largest_weight(MAX_SITES)
    words = sum(update_words(flat, weight, MAX_SITES) for _ in range(MAX_SITES))
    most = sign * (2.0**62 - 2.0**9)
    limbs = sum(sums_words(np.array([most])) for _ in range(MAX_SITES))

    total, weights = read_update(np.asarray(words))

    assert total.tolist() == [sign * edge * weight * MAX_SITES]
    assert weights == weight * MAX_SITES
    assert read_sums(np.asarray(limbs)).tolist() == [MAX_SITES * most]


@pytest.mark.parametrize("value", [UNIT / 2, 128.0, -128.0, np.nan, np.inf])
def test_what_is_off_the_grid_of_updates_is_never_masked(value):
    with pytest.raises(BadUpdate, match="not on the grid"):
        update_words(np.array([value], np.float32), 1, 3)


@pytest.mark.parametrize("value", [2.0**-41, 2.0**62, -(2.0**62), np.nan, -np.inf])
def test_what_is_off_the_grid_of_statistics_is_never_masked(value):
    with pytest.raises(BadUpdate, match="not on the grid"):
        sums_words(np.array([value]))


@pytest.mark.parametrize("weight", [0, -1, largest_weight(3) + 1])
def test_a_weight_that_could_wrap_is_refused(weight):
    with pytest.raises(BadUpdate, match="masked sum over 3 sites"):
        update_words(np.zeros(1, np.float32), weight, 3)


def test_a_sum_with_a_mask_left_in_it_is_noticed():
    with pytest.raises(BadUpdate, match="total weight"):
        read_update(np.array([1, 2**63 + 5], np.uint64))
