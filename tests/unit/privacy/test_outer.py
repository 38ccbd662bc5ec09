"""Clipped outer products: the bound first, then that nothing is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import stats

from modelward.errors import BadPrivacyTerms
from modelward.privacy.mechanism import GRID_BITS, OUTER_MARGIN, ClippedSum
from modelward.privacy.noise import Secret
from modelward.privacy.outer import MAX_BATCH, UNIT_BITS
from modelward.recipes.gradients.factors import Block, Factors

SECRET = Secret(bytes(32), ("outer",))
LAYER = Block(start=2, out=3, seen=4)
SIZE = 16
ONE = 2**GRID_BITS

odd = st.one_of(
    st.floats(width=32),
    st.floats(-2, 2, width=32),
    st.sampled_from([float("nan"), float("inf"), 3.4e38, 1e-40, 0.0]),
)
offers = st.integers(1, 5).flatmap(
    lambda m: st.tuples(
        hnp.arrays(np.float32, (m, SIZE), elements=odd),
        hnp.arrays(np.float32, (m, LAYER.out), elements=odd),
        hnp.arrays(np.float32, (m, LAYER.seen), elements=odd),
    )
)

Offer = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def summed(offer: Offer, clip: float = 1.0) -> ClippedSum:
    """Return the sum of patients with one layer in factors."""
    vectors, d, a = offer
    total = ClippedSum(SIZE, clip, [LAYER])
    total.add_factored(vectors.copy(), [Factors(d, a)])
    return total


def drawn(m: int, seed: int = 0) -> Offer:
    """Return ordinary vectors and factors."""
    rng = np.random.default_rng(seed)
    sizes = ((m, SIZE), (m, LAYER.out), (m, LAYER.seen))
    vectors, d, a = (rng.normal(size=size).astype(np.float32) for size in sizes)
    return vectors, d, a


def written_out(offer: Offer) -> NDArray[np.float64]:
    """Return the vectors with the outer products in their place, in float64."""
    vectors, d, a = (part.astype(np.float64) for part in offer)
    vectors[:, LAYER.start : LAYER.stop] = (d[:, :, None] * a[:, None, :]).reshape(len(d), -1)
    return vectors


@pytest.mark.slow
@given(offers, st.floats(1e-3, 1e3))
def test_a_patient_more_or_less_moves_the_sum_by_at_most_the_clip_norm(offer, clip):
    with_all = summed(offer, clip).units
    without = summed(tuple(part[1:] for part in offer), clip).units

    assert np.linalg.norm(with_all - without) <= ONE


def test_the_sum_is_that_of_clipped_vectors_written_out():
    offer = drawn(50)
    vectors = written_out(offer)
    norms = np.linalg.norm(vectors, axis=1)
    expected = (vectors / norms[:, None]).sum(axis=0)

    assert norms.min() > 1.0
    found = summed(offer, 1.0).units / ONE
    assert found / (1 - OUTER_MARGIN) == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
@given(offers, st.randoms(use_true_random=False))
def test_neither_order_nor_grouping_changes_a_bit(offer, random):
    order = list(range(len(offer[0])))
    random.shuffle(order)
    apart = ClippedSum(SIZE, 1.0, [LAYER])
    for place in order:
        vectors, d, a = (part[place : place + 1] for part in offer)
        apart.add_factored(vectors.copy(), [Factors(d, a)])

    assert apart.units.tobytes() == summed(offer).units.tobytes()


def test_who_is_not_finite_in_a_factor_counts_as_zero_everywhere():
    vectors, d, a = drawn(3)
    d[0, 1], a[1, 2] = np.nan, np.inf

    kept = summed((vectors[2:], d[2:], a[2:]))
    assert (summed((vectors, d, a)).units == kept.units).all()


def test_patients_written_out_and_in_factors_go_into_one_sum():
    both = ClippedSum(SIZE, 100.0, [LAYER])
    first, second = drawn(2, seed=1), drawn(3, seed=2)
    both.add(written_out(first).astype(np.float32))
    both.add_factored(second[0].copy(), [Factors(*second[1:])])

    expected = written_out(first).sum(0) + written_out(second).sum(0)
    assert both.units / ONE * 100.0 == pytest.approx(expected, abs=1e-4)


def test_a_release_lies_on_the_same_lattice_whatever_the_data():
    sums = [ClippedSum(SIZE, 1.0, [LAYER]), summed(drawn(4))]

    released = [each.noised(1.0, SECRET.stream("lattice")) for each in sums]

    here = slice(LAYER.start, LAYER.stop)
    for values in released:
        assert (np.rint(values[here] * 2.0**UNIT_BITS) == values[here] * 2.0**UNIT_BITS).all()
        coarse = np.delete(values, range(LAYER.start, LAYER.stop)) * ONE
        assert (np.rint(coarse) == coarse).all()
    assert (released[1] - released[0]) * ONE == pytest.approx(sums[1].units, abs=1e-6)


def test_noise_has_the_deviation_that_was_asked_for_in_factored_columns_too():
    wide = Block(start=0, out=200, seen=200)
    values = ClippedSum(40_000, 2.0, [wide]).noised(1.5, SECRET.stream("wide"))

    assert stats.kstest(values / 3.0, "norm").pvalue > 1e-3


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), 1e5])
def test_noise_that_bounds_nothing_or_breaks_exactness_is_refused(sigma):
    with pytest.raises(BadPrivacyTerms, match="noise of"):
        ClippedSum(SIZE, 1.0, [LAYER]).noised(sigma, SECRET.stream("noise"))


def test_products_of_the_largest_batch_are_exact():
    rows = MAX_BATCH
    d, a = np.ones((rows, 3), np.float32), np.ones((rows, 4), np.float32)
    total = summed((np.zeros((rows, SIZE), np.float32), d, a))
    once = summed((np.zeros((1, SIZE), np.float32), d[:1], a[:1]))

    assert (total.units == rows * once.units).all()
