"""Coded updates behind masks: exact sums of steps in few bits, and none of them can wrap."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core import ring
from modelward.core.ring import MAX_SITES, coded_words, digits, ring_bits
from modelward.errors import BadUpdate
from modelward.privacy.masks import hub
from modelward.privacy.masks.coded import Code, read, words_of
from modelward.privacy.masks.grid import MAX_WEIGHT, largest_weight
from modelward.privacy.masks.words import read_updates
from tests.masked_round import Ward, play

UNIT = 2.0**-24
LARGEST = 2**30
"""Largest range, 64, in units of 2^-24."""


def update(*whole: int) -> Any:
    """Return an update from whole units of 2^-24."""
    return np.array(whole, np.float64).astype(np.float32) * np.float32(UNIT)


def steps(words: Any, size: int) -> list[int]:
    """Return what a site's words say of its values."""
    return [int(each) for each in words[:size].view(f"<i{words.itemsize}")]


def added(words: list[Any]) -> Any:
    """Return the sum as a hub makes it, in the width of the words."""
    return np.add.reduce(words, dtype=words[0].dtype)


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(sites=st.integers(3, MAX_SITES), levels=st.integers(1, 127))
def test_every_width_holds_the_largest_sum_of_its_sites_and_no_narrower_one_does(sites, levels):
    bits = ring_bits(sites, levels)

    assert sites * levels < 2 ** (bits - 1)
    narrower = [each for each in ring.WIDTHS if each < bits]
    assert all(sites * levels >= 2 ** (each - 1) for each in narrower)


@pytest.mark.parametrize("bits", ring.WIDTHS)
def test_digits_of_the_largest_counts_of_all_sites_do_not_wrap(bits):
    width = ring.DIGIT_BITS[bits]

    assert MAX_SITES * (2**width - 1) < 2**bits
    assert digits(bits) * width == ring.COUNT_BITS
    assert MAX_WEIGHT < 2**ring.COUNT_BITS


grids = st.builds(
    Code,
    step=st.integers(1, LARGEST // 127),
    levels=st.integers(1, 127),
    heaviest=st.integers(1, MAX_WEIGHT // MAX_SITES),
)


@given(
    code=grids,
    sites=st.integers(3, MAX_SITES),
    sign=st.sampled_from([1, -1]),
    seed=st.integers(0, 99),
)
def test_the_largest_values_of_a_whole_roster_do_not_wrap(code, sites, sign, seed):
    flat = update(sign * 2**31 - sign * 128, sign)
    parts = [
        words_of(flat, code.heaviest, code, (sites, sites), draw(seed + n))
        for n in range(sites)
    ]
    total = read(added(parts), code)

    assert steps(parts[0], 1) == [sign * code.levels]
    assert total.values[0] == sign * sites * code.levels * code.unit
    assert (total.weight, total.clipped) == (sites * code.heaviest, sites)


@given(
    code=grids,
    sites=st.lists(
        st.tuples(
            st.lists(st.integers(-(2**24), 2**24), min_size=3, max_size=3), st.floats(0, 1)
        ),
        min_size=3,
        max_size=MAX_SITES,
    ),
    order=st.randoms(use_true_random=False),
)
def test_the_sum_of_words_is_the_plain_sum_of_what_each_site_coded(code, sites, order):
    coded, plain, weights, cut = [], [0, 0, 0], 0, 0
    for number, (whole, share) in enumerate(sites):
        weight = max(1, int(share * code.heaviest))
        n = len(sites)
        coded.append(words_of(update(*whole), weight, code, (n, n), draw(number)))
        plain = [a + b for a, b in zip(plain, steps(coded[-1], 3), strict=True)]
        weights += weight
        cut += sum(abs(each) > code.step * code.levels for each in whole)
    order.shuffle(coded)
    total = read(added(coded), code)

    assert total.values.tolist() == [each * code.unit for each in plain]
    assert (total.weight, total.clipped) == (weights, cut)


@given(
    code=grids,
    whole=st.integers(-(2**24), 2**24),
    share=st.floats(0, 1),
    seed=st.integers(0, 9),
)
def test_a_value_goes_to_one_of_its_two_neighbours(code, whole, share, seed):
    weight = max(1, int(share * code.heaviest))
    words = words_of(update(whole), weight, code, (3, 3), draw(seed))
    limit = code.step * code.levels
    exact = Fraction(max(-limit, min(limit, whole)) * weight, code.unit)

    (found,) = steps(words, 1)
    assert abs(found - exact) < 1
    assert abs(found) <= code.levels


def test_rounding_at_random_has_the_exact_mean():
    code = Code(step=1000, levels=127, heaviest=50)
    flat = update(*[12_345] * 40_000)
    words = words_of(flat, 30, code, (5, 5), draw())
    exact = 12_345 * 30 / code.unit  # 7.407 steps

    found = np.array(steps(words, flat.size))
    assert set(found.tolist()) == {7, 8}
    spread = np.sqrt(0.407 * 0.593 / flat.size)
    assert abs(found.mean() - exact) < 4 * spread


def test_the_same_draw_codes_the_same_words_and_whole_steps_need_none():
    code = Code(step=100, levels=12, heaviest=4)
    flat = update(300, -1200, 77)
    first, again = (words_of(flat, 4, code, (10, 10), draw(3)) for _ in range(2))

    assert first.tobytes() == again.tobytes()
    assert first.dtype == np.uint8
    assert steps(first, 2) == [3, -12]


def test_groups_are_added_whatever_the_width_of_their_words():
    narrow, wide = Code(10, 20, 8), (4, 7)
    totals, expected = [], 0
    for sites in wide:
        parts = [words_of(update(55), 8, narrow, (sites, 11), draw(n)) for n in range(sites)]
        expected += sum(steps(each, 1)[0] for each in parts)
        totals.append(added(parts))
    found = read_updates(totals, narrow)

    assert [each.itemsize for each in totals] == [1, 2]
    assert found.values.tolist() == [expected * narrow.unit]
    assert found.weight == 11 * 8


CODE = Code(step=10, levels=127, heaviest=100)


@pytest.mark.parametrize("weight", [0, -1, 101])
def test_a_weight_that_the_study_has_no_room_for_is_refused(weight):
    with pytest.raises(BadUpdate, match="in a coded sum over 3 sites"):
        words_of(update(1), weight, CODE, (3, 3), draw())


def test_a_roster_that_is_too_large_for_the_heaviest_site_is_refused():
    code = Code(step=1, levels=1, heaviest=largest_weight(MAX_SITES))

    words_of(update(1), 1, code, (4, MAX_SITES), draw())
    with pytest.raises(BadUpdate, match="weight 1 in a coded sum over 65 sites"):
        words_of(update(1), 1, code, (4, MAX_SITES + 1), draw())


@pytest.mark.parametrize("value", [UNIT / 2, 128.0, -128.0, np.nan, np.inf])
def test_what_is_off_the_grid_of_updates_is_never_coded(value):
    with pytest.raises(BadUpdate, match="not on the grid"):
        words_of(np.array([value], np.float32), 1, CODE, (3, 3), draw())


@pytest.mark.parametrize("levels", [127, 12])
def test_a_sum_with_a_mask_left_in_it_is_noticed(levels):
    code, bits = Code(10, levels, 100), ring_bits(5, levels)
    size = coded_words(50, bits)
    for seed in range(200):
        left = draw(seed).integers(0, 2**bits, size).astype(f"<u{bits // 8}")
        with pytest.raises(BadUpdate, match="a coded sum has the total weight"):
            read(left, code)


@pytest.mark.parametrize("drops", [{}, {"site01": 2}, {"site01": 3}, {"site04": 1}])
@pytest.mark.parametrize("levels", [127, 12])
def test_masks_come_off_the_sum_of_what_the_sites_coded(levels, drops):
    code, bits = Code(50, levels, 40), ring_bits(5, levels)
    ward = Ward(5, size=coded_words(30, bits), bits=bits)
    plain = {name: draw(n).integers(-9000, 9000, 30) for n, name in enumerate(ward.names)}
    ward.words = {
        name: words_of(update(*plain[name]), 10 + n, code, (5, 5), draw(n))
        for n, name in enumerate(ward.names)
    }
    centre, _, _ = play(ward, drops)
    there = [name for name in ward.names if drops.get(name, 9) > 2]
    total = read(hub.finish(centre), code)

    rows = [steps(ward.words[name], 30) for name in there]
    assert total.values.tolist() == [sum(each) * code.unit for each in zip(*rows, strict=True)]
    assert total.weight == sum(10 + ward.names.index(name) for name in there)
    assert total.clipped == sum(
        int((np.abs(plain[name]) > 50 * levels).sum()) for name in there
    )
