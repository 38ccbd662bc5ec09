"""How wide the words are in which coded updates are added behind masks.

A word is a whole number modulo 2^bits. Each of n sites adds at most L steps either way, so a
sum lies within n L of zero and is read back exactly if n L < 2^(bits - 1). Words are whole
bytes: 8 bits, or 16, which are enough for `MAX_SITES` sites of 127 steps. The study says L
(`[plan.uplink] levels`), the roster says n, so everybody knows the width before anything is
computed.

Behind the values come two counts of 40 bits, in digits that are narrow enough to be added in
the same words: `MAX_SITES` digits of b bits stay below 2^bits.

What is counted in these words is privacy/masks/coded.py's business.
"""

MAX_SITES = 64
"""Largest roster of one sum; every count has room for so many."""

WIDTHS = (8, 16)
"""Bits of a word, the narrowest first."""

DIGIT_BITS = {8: 2, 16: 10}
"""Bits of a digit: `MAX_SITES` times the largest one fits into a word of so many bits."""

COUNT_BITS = 40
"""Of each count: values of a model over all sites, and units of all sites."""

COUNTS = 2
"""Values beyond the range, and units."""


def ring_bits(sites: int, levels: int) -> int:
    """Return the bits of a word for a sum over `sites` sites of up to `levels` steps each way.

    Args:
        sites: 1 to `MAX_SITES`.
        levels: 1 to 127.
    """
    return next(bits for bits in WIDTHS if sites * levels < 1 << (bits - 1))


def digits(bits: int) -> int:
    """Return how many digits a count has in words of so many bits."""
    return COUNT_BITS // DIGIT_BITS[bits]


def coded_words(size: int, bits: int) -> int:
    """Return the number of words of an update of `size` values, its counts included."""
    return size + COUNTS * digits(bits)
