"""Clip, sum and noise in whole numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import stats

from modelward.errors import BadPrivacyTerms
from modelward.privacy.mechanism import (
    GRID_BITS,
    MARGIN,
    ClippedSum,
    noised,
    sensitivity,
    step_of,
    to_whole,
)
from modelward.privacy.noise import Secret

SECRET = Secret(bytes(32), ("mechanism",))
ONE = 2**GRID_BITS

matrices = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 8), st.integers(1, 9)),
    elements=st.one_of(
        st.floats(width=32),
        st.floats(-2, 2, width=32),
        st.sampled_from([float("nan"), float("inf"), 3.4e38, 1e-40, 0.0]),
    ),
)


def total(vectors: NDArray[np.float32], clip: float = 1.0) -> NDArray[np.float64]:
    """Return the clipped sum of `vectors` in whole units."""
    added = ClippedSum(vectors.shape[1], clip)
    added.add(vectors.copy())
    return added.units


def test_a_long_vector_is_scaled_to_the_clip_norm_and_a_short_one_kept():
    long, short = np.array([[30, 40]], np.float32), np.array([[0.25, -0.5]], np.float32)

    assert total(long, 5.0) / ONE * 5.0 == pytest.approx([3, 4], rel=2 * MARGIN)
    assert total(short, 5.0) / ONE * 5.0 == pytest.approx([0.25, -0.5], rel=2 * MARGIN)


@given(matrices, st.floats(1e-3, 1e3))
def test_a_patient_more_or_less_moves_the_sum_by_at_most_the_clip_norm(vectors, clip):
    with_all, without = total(vectors, clip), total(vectors[1:], clip)

    moved = [int(value) for value in with_all - without]
    assert sum(value * value for value in moved) <= ONE * ONE


@pytest.mark.slow
@given(matrices, st.randoms(use_true_random=False))
def test_neither_order_nor_grouping_changes_a_bit(vectors, random):
    order = list(range(len(vectors)))
    random.shuffle(order)
    apart = ClippedSum(vectors.shape[1], 1.0)
    for place in order:
        apart.add(vectors[place : place + 1].copy())

    assert apart.units.tobytes() == total(vectors).tobytes()


def test_a_vector_that_is_not_finite_counts_as_zero_and_spoils_nothing():
    vectors = np.array([[np.nan, 1], [np.inf, 0], [0.5, 0.5]], np.float32)

    assert (total(vectors) == total(vectors[2:])).all()


def test_noise_has_the_deviation_that_was_asked_for():
    drawn = noised(np.zeros(100_000), 1000.0, 1.5, SECRET.stream("noise"))

    assert (drawn == np.rint(drawn)).all()
    assert stats.kstest(drawn / 1500.0, "norm").pvalue > 1e-3


def test_noise_in_units_of_the_clip_norm_and_in_units_of_vectors():
    empty = ClippedSum(50_000, 4.0)

    drawn = empty.noised(0.5, SECRET.stream("units"))

    assert drawn.std() == pytest.approx(2.0, rel=0.02)


def test_the_lattice_of_a_release_is_the_same_whatever_the_data():
    sums = [ClippedSum(1000, 0.7) for _ in range(2)]
    sums[1].add(np.random.default_rng(1).normal(size=(5, 1000)).astype(np.float32))

    released = [each.noised(1.0, SECRET.stream("lattice")) for each in sums]

    for values in released:
        steps = values / (0.7 * 2.0**-GRID_BITS)
        assert np.abs(steps - np.rint(steps)).max() < 1e-6
    # The noise is the same, so the difference is the whole sum and nothing else.
    difference = (released[1] - released[0]) / (0.7 * 2.0**-GRID_BITS)
    assert np.rint(difference).tolist() == sums[1].units.tolist()


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), 1e12])
def test_noise_that_bounds_nothing_is_refused(sigma):
    with pytest.raises(BadPrivacyTerms, match="noise of"):
        ClippedSum(1, 1.0).noised(sigma, SECRET.stream("noise"))


@pytest.mark.parametrize("clip", [0.0, -1.0, float("nan"), float("inf")])
def test_a_clip_norm_that_bounds_nothing_is_refused(clip):
    with pytest.raises(BadPrivacyTerms, match="clip norm"):
        ClippedSum(1, clip)


@given(hnp.arrays(np.float64, 5, elements=st.floats(-1e6, 1e6)), st.integers(1, 30))
def test_a_statistic_of_one_patient_stays_within_its_sensitivity(values, bits):
    whole = [int(value) for value in to_whole(values, 10.0, bits)]

    assert sum(value * value for value in whole) <= int(sensitivity(5, bits)) ** 2


def test_a_step_divides_by_the_expected_batch_whatever_was_sampled():
    assert step_of(np.array([6.0, -3.0]), 12.0).tolist() == [0.5, -0.25]
