"""Shares of a secret: worked out by hand, then what too few of them say."""

from itertools import combinations

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from modelward.privacy.masks.shamir import PRIME, join, split


def coefficients(*values: int) -> bytes:
    """Return the random bytes that become these coefficients."""
    return b"".join(value.to_bytes(48, "big") for value in values)


def test_the_field_has_the_smallest_prime_above_every_secret():
    assert sympy.nextprime(2**256) == PRIME


def test_shares_lie_on_the_polynomial():
    secret = (5).to_bytes(32, "big")

    shares = split(secret, [1, 2, 3], 3, coefficients(7, 2))  # 5 + 7x + 2x^2

    assert [int.from_bytes(share, "big") for share in shares] == [14, 27, 44]
    assert join({1: shares[0], 2: shares[1], 3: shares[2]}) == secret


@given(st.binary(min_size=32, max_size=32), st.integers(1, 5), st.randoms())
def test_any_t_shares_rebuild_the_secret(secret, threshold, random):
    points = list(range(1, 7))
    shares = split(secret, points, threshold, random.randbytes(48 * (threshold - 1)))

    for chosen in combinations(points, threshold):
        assert join({point: shares[point - 1] for point in chosen}) == secret


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=96, max_size=96))
def test_two_shares_of_three_are_consistent_with_every_secret(guess, random):
    shares = split(b"\xab" * 32, [1, 2, 3], 3, random)
    y1, y2 = (int.from_bytes(share, "big") for share in shares[:2])

    # The parabola through (0, guess), (1, y1), (2, y2) has this value at 3.
    third = (int.from_bytes(guess, "big") - 3 * y1 + 3 * y2) % PRIME

    assert join({1: shares[0], 2: shares[1], 3: third.to_bytes(33, "big")}) == guess


def test_one_share_too_few_gives_an_unrelated_number():
    shares = split(b"\xab" * 32, range(1, 6), 4, bytes(range(144)))

    assert join({point: shares[point - 1] for point in (1, 2, 3, 5)}) == b"\xab" * 32
    assert join({point: shares[point - 1] for point in (1, 2, 3)}) != b"\xab" * 32


def test_a_number_that_is_no_secret_is_not_one():
    assert join({1: (2**256).to_bytes(33, "big")}) is None


def test_a_polynomial_needs_a_coefficient_per_degree():
    with pytest.raises(ValueError, match="48 random bytes for a threshold of 3"):
        split(bytes(32), [1, 2, 3], 3, bytes(48))
