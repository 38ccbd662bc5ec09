"""Sums of several sites give the scaling of their union; the oracle is scikit-learn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from modelward.aggregate.fixed_point import exact_sum, to_grid
from modelward.core.columns import columns
from modelward.study.scaling import Scaling, from_sums, local_sums, sums_schema
from tests.studies import TABLE, table_study

COLUMNS = columns(table_study())


def cohort(rows: int, seed: int) -> np.ndarray:
    """Return rows of age (0 to 110) and three indicators."""
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [rng.uniform(0, 110, rows), *(rng.integers(0, 2, rows) for _ in range(3))]
    ).astype(float)


def test_sums_are_worked_out_by_hand():
    values = np.array([[110.0, 1, 0, 0], [55.0, 0, 1, 0], [np.nan, 1, 0, 1]])

    sums = local_sums(values, COLUMNS)

    assert sums["units"].tolist() == [3]
    assert sums["known"].tolist() == [2, 3, 3, 3]
    assert sums["total"].tolist() == [1, 1, -1, -1]  # of (age - 55) / 55 and of 2x - 1
    assert sums["square"].tolist() == [1, 3, 3, 3]


@pytest.mark.parametrize("cuts", [[], [10], [1, 40, 41]])
def test_any_split_into_sites_gives_the_scaler_of_the_union(cuts):
    union = cohort(100, seed=3)
    parts = np.split(union, cuts)

    sums = exact_sum(
        {name: to_grid(v) for name, v in local_sums(part, COLUMNS).items()} for part in parts
    )
    found = from_sums(sums, COLUMNS)

    oracle = StandardScaler().fit(union)
    np.testing.assert_allclose(found.center, oracle.mean_, rtol=1e-12)
    np.testing.assert_allclose(found.spread, oracle.scale_, rtol=1e-12)
    np.testing.assert_allclose(found.apply(union), oracle.transform(union), atol=1e-11)


def test_a_missing_value_becomes_the_mean_of_the_known_ones():
    values = np.array([[10.0, 0, 0, 0], [30.0, 1, 1, 1], [np.nan, 1, 0, 0]])

    scaling = from_sums(local_sums(values, COLUMNS), COLUMNS)

    assert scaling.fill[0] == pytest.approx(20)
    assert scaling.apply(values)[2, 0] == pytest.approx(0)


def test_a_column_that_never_varies_is_centred_and_not_stretched():
    values = np.tile([70.0, 1.0, 0.0, 0.0], (5, 1))

    scaling = from_sums(local_sums(values, COLUMNS), COLUMNS)

    assert scaling.spread.tolist() == [1, 1, 1, 1]
    assert np.allclose(scaling.apply(values), 0)


def test_a_column_nobody_knows_is_filled_with_the_middle_of_its_range():
    values = np.array([[np.nan, 1.0, 0.0, 1.0]] * 3)

    scaling = from_sums(local_sums(values, COLUMNS), COLUMNS)

    assert scaling.fill[0] == 55
    assert np.isfinite(scaling.apply(values)).all()


def test_a_column_that_is_taken_as_it_is_is_filled_and_not_moved():
    raw = columns(table_study(TABLE, ("range = [0, 110]", 'range = [0, 110]\nscale = "none"')))
    values = np.array([[10.0, 0, 0, 0], [30.0, 1, 1, 1], [np.nan, 1, 0, 0]])

    scaling = from_sums(local_sums(values, raw), raw)

    np.testing.assert_allclose(scaling.apply(values)[:, 0], [10, 30, 20])


@pytest.mark.slow
@given(st.lists(st.floats(0, 110), min_size=1, max_size=30))
def test_sums_are_bounded_by_the_number_of_units(ages):
    values = np.column_stack([ages, *[np.ones(len(ages))] * 3])

    sums = local_sums(values, COLUMNS)

    assert np.abs(sums["total"]).max() <= len(ages) + 1e-9
    assert 0 <= sums["square"].min() <= sums["square"].max() <= len(ages) + 1e-9


def test_the_scaling_survives_a_model_bundle():
    scaling = from_sums(local_sums(cohort(20, 1), COLUMNS), COLUMNS)

    again = Scaling.from_tensors(scaling.tensors)

    assert np.array_equal(again.center, scaling.center)
    assert np.array_equal(again.spread, scaling.spread)
    assert np.array_equal(again.fill, scaling.fill)


def test_images_are_counted_and_nothing_else():
    images: Any = np.zeros((7, 12, 12), np.uint8)

    assert {n: v.tolist() for n, v in local_sums(images, ()).items()} == {"units": [7.0]}
    assert [spec.name for spec in sums_schema(0)] == ["units"]
