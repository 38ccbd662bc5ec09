"""What may be judged, and how units are split for resampling."""

import numpy as np
import pytest

from modelward.errors import DataError
from modelward.evaluate.predictions import Predictions, require_pairs, union


@pytest.mark.parametrize(
    ("outcome", "probability", "says"),
    [
        ([0, 1], [0.5], "shape"),
        ([], [], "shape"),
        ([0, 2], [0.5, 0.5], "neither 0 nor 1"),
        ([0, 1], [0.5, 1.1], "from 0 to 1"),
        ([0, 1], [0.5, np.nan], "from 0 to 1"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_way_forward(outcome, probability, says):
    with pytest.raises(DataError, match=says) as caught:
        Predictions.of(outcome, probability)

    assert caught.value.remedy


@pytest.mark.slow
def test_counts_are_of_units():
    judged = Predictions.of([1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])

    assert (len(judged), judged.positives, judged.negatives) == (4, 3, 1)
    assert judged.smaller_class == 1


def test_a_union_remembers_where_units_came_from():
    north, south = Predictions.of([1, 0], [0.9, 0.1]), Predictions.of([1], [0.8])

    both = union([north, south])

    assert both.site.tolist() == [0, 0, 1]
    assert both.probability.tolist() == [0.9, 0.1, 0.8]


def test_strata_are_site_by_outcome_where_classes_are_large_enough():
    large = Predictions.of([1] * 5 + [0] * 6, [0.5] * 11)
    small = Predictions.of([1] * 4 + [0] * 6, [0.5] * 10)

    sizes = sorted(rows.size for rows in union([large, small]).strata)

    assert sizes == [5, 6, 10]


def test_strata_hold_every_row_once():
    judged = union([Predictions.of([1, 0] * 9, [0.5] * 18), Predictions.of([1] * 3, [0.5] * 3)])

    rows = np.concatenate(judged.strata)

    assert sorted(rows.tolist()) == list(range(21))


def test_models_judged_on_different_units_cannot_be_paired():
    with pytest.raises(DataError, match="different units"):
        require_pairs(Predictions.of([1, 0], [0.5, 0.5]), Predictions.of([0, 1], [0.5, 0.5]))
