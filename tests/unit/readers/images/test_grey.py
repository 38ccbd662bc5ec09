"""Scaling, turning and resampling, worked out by hand."""

import numpy as np
import pytest

from modelward.readers.images.grey import (
    PLANES,
    as_bytes,
    direction,
    fitted,
    plane_of,
    resampled,
    scaled,
    turned,
    upright,
)

PICTURE = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_values_outside_the_limits_are_cut_off():
    found = scaled(np.array([-5.0, 0, 5, 10, 15]), 0, 10)

    assert found.tolist() == [0, 0, 0.5, 1, 1]
    assert as_bytes(found).tolist() == [0, 0, 128, 255, 255]
    assert not scaled(np.array([1.0, 2.0]), 3, 3).any()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (("L", "P"), [[0, 1, 2], [3, 4, 5]]),
        (("R", "P"), [[2, 1, 0], [5, 4, 3]]),
        (("L", "A"), [[3, 4, 5], [0, 1, 2]]),
        (("R", "A"), [[5, 4, 3], [2, 1, 0]]),
        (("P", "L"), [[0, 3], [1, 4], [2, 5]]),
        (("A", "L"), [[2, 5], [1, 4], [0, 3]]),
        (("P", "R"), [[3, 0], [4, 1], [5, 2]]),
        (("A", "R"), [[5, 2], [4, 1], [3, 0]]),
    ],
)
def test_any_of_the_eight_ways_an_image_lies_is_turned_upright(found, expected):
    assert upright(PICTURE, found, ("L", "P")).tolist() == expected


def test_views_are_known_by_the_axes_that_span_them():
    assert plane_of(("R", "A")) == "axial"
    assert plane_of(("F", "R")) == "coronal"
    assert plane_of(("A", "H")) == "sagittal"
    assert plane_of(("L", "R")) is None
    assert turned(("H", "L"), ("L", "F"))
    assert not turned(("H", "P"), ("L", "F"))
    assert {direction(axis) for axis in np.vstack([np.eye(3), -np.eye(3)])} == set("LPHRAF")
    assert set(PLANES) == {"axial", "coronal", "sagittal"}


def test_shrinking_by_a_half_weighs_neighbours_by_a_triangle():
    line = np.array([0, 0, 8, 8], np.float32)

    # Weights 3/4, 1/4 around the edge, normalised within the line: 3+3+1 = 7 eighths.
    np.testing.assert_allclose(resampled(line, 0, 2), [8 / 7, 8 - 8 / 7], rtol=1e-6)
    assert resampled(line, 0, 4) is line


def test_what_is_flat_stays_flat():
    flat = np.full((37, 23), 0.25, np.float32)

    np.testing.assert_allclose(resampled(resampled(flat, 0, 11), 1, 60), 0.25, rtol=1e-6)


def test_proportions_are_kept_and_the_rest_is_black():
    wide = np.ones((10, 20), np.float32)

    found = fitted(wide, (8, 8))
    assert (found.sum(axis=1) > 0).tolist() == [False] * 2 + [True] * 4 + [False] * 2
    assert fitted(wide, (8, 8), aspect=2.0).all()  # pixels twice as high as wide
    assert fitted(np.ones((3, 10, 20), np.float32), (8, 8)).shape == (3, 8, 8)
    assert fitted(np.ones((1000, 1), np.float32), (8, 8)).sum().round(5) == 8
