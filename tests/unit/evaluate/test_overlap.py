"""Dice and the 95 % Hausdorff distance of squares, counted by hand."""

import numpy as np
import pytest

from modelward.evaluate.measures import overlap


def square(top: int, left: int, side: int, of: int = 20) -> np.ndarray:
    """Return a mask of a filled square."""
    mask = np.zeros((of, of), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_dice_of_squares_that_share_half():
    assert overlap.dice(square(0, 0, 4), square(0, 2, 4)) == 2 * 8 / 32
    assert overlap.dice(square(0, 0, 4), square(9, 9, 4)) == 0.0
    assert overlap.dice(square(0, 0, 4), square(0, 0, 4)) == 1.0


def test_an_edge_is_what_touches_the_outside():
    assert len(overlap.edge(square(5, 5, 4))) == 12
    assert len(overlap.edge(square(0, 0, 20))) == 76  # the border of the image is outside
    assert len(overlap.edge(np.ones((3, 3, 3), bool))) == 26


def test_a_square_that_is_moved_is_as_far_off_as_it_was_moved():
    assert overlap.hd95(square(5, 2, 4), square(5, 12, 4)) == 10.0
    assert overlap.hd95(square(5, 5, 4), square(5, 5, 4)) == 0.0
    assert np.isnan(overlap.hd95(square(5, 5, 4), np.zeros((20, 20), bool)))


def test_one_stray_pixel_far_off_does_not_decide():
    stray = square(5, 5, 8)
    stray[19, 19] = True

    assert overlap.hd95(square(5, 5, 8), stray) == 0.0


def test_images_without_anything_drawn_are_left_to_the_yes_no_figures():
    drawn = np.stack([square(5, 5, 4), square(2, 2, 6), np.zeros((20, 20), bool)])
    p = np.stack([square(5, 5, 4), np.zeros((20, 20)), square(1, 1, 3)]).astype(float)

    found = overlap.measure(
        drawn.astype(np.uint8), p, [0, 0, 1], None, np.random.default_rng(0)
    )

    units, dice, _ = found[overlap.DICE, ""]
    assert units == 2
    assert dice.value == pytest.approx(0.5)
    units, far, _ = found[overlap.HD95, ""]
    assert (units, far.value) == (1, 0.0)
    assert "1 of 2" in far.note
