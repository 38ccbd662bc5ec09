"""What is computed from bins brackets what would be computed from patients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from modelward.errors import DataError
from modelward.evaluate.measures import binned
from modelward.evaluate.measures.discrimination import accuracy
from modelward.evaluate.predictions import Predictions

units = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=80).filter(
    lambda rows: 0 < sum(row[0] for row in rows) < len(rows)
)
EVEN = st.integers(1, 64).map(lambda half: 2 * half)


def of(rows: list[tuple[bool, float]]) -> Predictions:
    return Predictions.of([row[0] for row in rows], [row[1] for row in rows])


def test_two_bins_by_hand():
    counts = binned.histogram(
        Predictions.of([0, 0, 1, 1, 1], [0.1, 0.7, 0.2, 0.5, 1.0]), bins=2
    )

    assert counts.tolist() == [[1, 1], [1, 2]]
    # Pairs: 2 of 6 surely right, 3 share a bin (1*1 + 1*2), 1 surely wrong.
    found = binned.auc(counts)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((3.5 / 6, 2 / 6, 5 / 6))
    right = binned.accuracy(counts)
    assert right is not None
    assert right.value == 3 / 5


@given(units, EVEN)
def test_the_exact_auc_is_inside_the_bracket(rows, bins):
    judged = of(rows)

    found = binned.auc(binned.histogram(judged, bins))

    assert found is not None
    exact = roc_auc_score(judged.outcome, judged.probability)
    assert found.low - 1e-12 <= exact <= found.high + 1e-12
    assert found.low <= found.value <= found.high


@given(units, EVEN)
def test_accuracy_is_exact(rows, bins):
    judged = of(rows)

    found = binned.accuracy(binned.histogram(judged, bins))

    assert found is not None
    assert found.value == accuracy(judged).value
    assert found.low == found.high


@given(units, EVEN)
def test_the_exact_loss_is_inside_the_bracket(rows, bins):
    judged = of(rows)
    clipped = np.clip(judged.probability, binned.CLIP, 1 - binned.CLIP)

    found = binned.loss(binned.histogram(judged, bins))

    assert found is not None
    exact = log_loss(judged.outcome, clipped, labels=[False, True])
    assert found.low - 1e-9 <= exact <= found.high + 1e-9
    assert found.low <= found.value <= found.high


@given(units, units)
def test_counts_of_two_sites_add_up_to_those_of_both(north, south):
    both = binned.histogram(of([*north, *south]))

    apart = [binned.histogram(of(rows)) for rows in (north, south)]
    assert (both == np.sum(apart, axis=0)).all()


@given(units)
def test_more_bins_never_widen_the_bracket(rows):
    coarse, fine = (binned.auc(binned.histogram(of(rows), bins)) for bins in (8, 16))

    assert coarse is not None
    assert fine is not None
    assert fine.high - fine.low <= coarse.high - coarse.low + 1e-12


@pytest.mark.parametrize("bins", [0, 1, 7])
def test_an_odd_number_of_bins_is_refused(bins):
    with pytest.raises(DataError, match=f"{bins} bins"):
        binned.histogram(Predictions.of([1, 0], [0.5, 0.5]), bins)


def test_nobody_and_one_class_have_no_figures():
    nobody = np.zeros((2, 8), np.int64)
    alike = nobody.copy()
    alike[1, 3] = 5

    assert binned.auc(alike) is None
    assert (binned.auc(nobody), binned.accuracy(nobody), binned.loss(nobody)) == (None,) * 3
