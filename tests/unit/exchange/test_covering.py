"""A patch hides under a cover, and what hangs on it is doubt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.exchange.families.family import Floats, Inputs
from modelward.exchange.listening.covering import (
    EIGHTH,
    MOST,
    SMALLEST,
    Covered,
    covers,
    filling,
    places,
    spread,
    under_covers,
)

DARK = np.zeros((8, 8), np.float32)


def said(*p: float) -> Floats:
    """Log-probabilities of one image."""
    return np.asarray(np.log(np.array([p])))


def cornered(x: Inputs) -> Floats:
    """Say the last of four classes where the first corner is lit, else the first, fairly."""
    lit = x[:, :2, :2].min(axis=(1, 2)) > 0.5
    found: Floats = np.where(
        lit[:, None], said(0.01, 0.01, 0.01, 0.97), said(0.7, 0.1, 0.1, 0.1)
    )
    return found


def lit(top: int, left: int) -> Inputs:
    """One dark image with a lit patch of two by two."""
    x = np.zeros((1, 8, 8), np.float32)
    x[:, top : top + 2, left : left + 2] = 1.0
    return x


@pytest.mark.parametrize("extent", [2, 3, 5, 8, 9, 17, 28, 32, 64, 100, 224])
def test_any_small_patch_lies_whole_under_one_of_few_covers(extent):
    patch, found = min(extent, max(SMALLEST, extent // EIGHTH)), places(extent)

    for start in range(extent - patch + 1):
        assert any(first <= start and start + patch <= end for first, end in found)
    assert len(found) <= MOST
    assert all(0 <= first < end <= extent for first, end in found)


def test_a_voice_that_a_patch_turns_is_doubted_and_no_more_than_that():
    # Under the cover it says 0.7, 0.1, 0.1, 0.1; without one 0.01, 0.01, 0.01, 0.97. The least
    # of each is 0.01, 0.01, 0.01, 0.1, and 0.87 is doubt: 0.2175 for every class.
    found = np.exp(Covered(cornered, DARK)(lit(0, 0)))[0]

    assert found == pytest.approx([0.2275, 0.2275, 0.2275, 0.3175], abs=1e-6)


def test_a_voice_that_no_cover_moves_says_what_it_said():
    found = np.exp(Covered(cornered, DARK)(lit(5, 5)))[0]

    assert found == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=1e-6)


@given(
    draw=st.integers(0, 2**20),
    place=st.tuples(st.integers(0, 6), st.integers(0, 6)),
)
def test_a_patch_gains_a_class_no_more_than_an_equal_share_of_doubt(draw, place):
    """Whatever the model and the patch: at most what it says without it, and 1 / K."""
    numbers = np.random.default_rng(draw)
    weight = numbers.standard_normal((64, 4)) * 3
    stuck = numbers.uniform(-1, 1, (1, 8, 8)).astype(np.float32)
    top, left = place
    stuck[:, top : top + 2, left : left + 2] = 1.0

    def voice(x: Inputs) -> Floats:
        z = x.reshape(len(x), -1) @ weight
        found: Floats = z - np.log(np.exp(z - z.max()).sum(1, keepdims=True)) - z.max()
        return found

    hidden = stuck.copy()
    hidden[:, top : top + 2, left : left + 2] = 0.0
    bound = np.maximum(np.exp(voice(hidden)), np.exp(-8)) + 1 / 4

    known = under_covers(voice, stuck, DARK)

    assert (known.sum(axis=1) <= 1.01).all()
    assert (np.exp(spread(known)) <= bound + 1e-6).all()


def test_covers_show_what_is_usual_there_and_nothing_else_is_changed():
    fill = np.full((8, 8), 0.25, np.float32)
    seen = list(covers(np.ones((2, 8, 8), np.float32), fill))

    assert len(seen) == len(places(8)) ** 2
    assert all(set(np.unique(x)) == {0.25, 1.0} for x in seen)
    assert all((x == 0.25).sum() == 2 * 4 for x in seen)


def test_what_covers_show_is_the_mean_of_classes_however_many_units_they_have():
    x = np.stack([np.full((8, 8), v, np.float32) for v in (0.0, 0.0, 0.0, 1.0)])

    fill = filling(x, np.array([0, 0, 0, 2]))

    assert fill is not None
    assert (fill == 0.5).all()
    assert fill.dtype == np.float32


def test_rows_of_tables_have_no_covers():
    assert filling(np.zeros((3, 8), np.float32), np.array([0, 1, 1])) is None


def test_doubt_is_the_same_for_every_class_and_adds_up_to_one():
    found = np.exp(spread(np.array([[0.5, 0.1], [0.5, 0.5]])))

    assert found == pytest.approx(np.array([[0.7, 0.3], [0.5, 0.5]]), abs=1e-6)


def test_a_covered_voice_is_asked_once_about_the_same_images():
    asked = []

    def voice(x: Inputs) -> Floats:
        asked.append(len(x))
        return cornered(x)

    covered = Covered(voice, DARK)
    first = covered(lit(0, 0))
    times = len(asked)

    assert (covered(lit(0, 0)) == first).all()
    assert len(asked) == times == 1 + len(places(8)) ** 2
    covered(lit(3, 3))
    assert len(asked) == 2 * times
