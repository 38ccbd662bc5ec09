"""Label skew: what every deal holds to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.simulation.dealing import LEAST, Dealing, by_skew

LABELS = np.repeat(np.array([0, 1, 0, 1], np.int8), [1214, 3494, 234, 390])
FOLDS = np.repeat(np.array([0, 0, 2, 2], np.int8), [1214, 3494, 234, 390])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_hospital_of_the_demo_is_nearly_without_a_class(seed):
    for rows in by_skew(LABELS, FOLDS, Dealing(), seed).values():
        training = rows[FOLDS[rows] == 0]
        counts = np.bincount(LABELS[training], minlength=2)
        assert counts.min() >= LEAST - 1  # shares are rounded to whole rows


@given(
    labels=st.lists(st.integers(-1, 1), min_size=1, max_size=60),
    sites=st.integers(1, 12),
    alpha=st.sampled_from([0.05, 0.5, 50.0]),
)
@settings(max_examples=30, deadline=None)
def test_every_row_is_dealt_once_even_where_there_are_too_few(labels, sites, alpha):
    given_labels = np.array(labels, np.int8)

    dealt = by_skew(
        given_labels, np.zeros(len(labels), np.int8), Dealing(sites=sites, alpha=alpha), 3
    )

    assert len(dealt) == sites
    assert sorted(np.concatenate(list(dealt.values())).tolist()) == list(range(len(labels)))


@pytest.mark.parametrize("seed", [0, 1])
def test_test_rows_are_dealt_in_the_shares_of_training(seed):
    for rows in by_skew(LABELS, FOLDS, Dealing(), seed).values():
        counts = [np.sum((LABELS[rows] == 1) & (FOLDS[rows] == fold)) for fold in (0, 2)]
        assert counts[1] / 390 == pytest.approx(counts[0] / 3494, abs=2 / 390)


def test_a_deal_belongs_to_its_seed():
    once = by_skew(LABELS, FOLDS, Dealing(), 5)
    again = by_skew(LABELS, FOLDS, Dealing(), 5)
    other = by_skew(LABELS, FOLDS, Dealing(), 6)

    assert all((once[site] == again[site]).all() for site in once)
    assert any(once[site].tobytes() != other[site].tobytes() for site in once)
