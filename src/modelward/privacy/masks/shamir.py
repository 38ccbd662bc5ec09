"""Secrets in shares: any t rebuild one, t - 1 say nothing about it.

Shamir 1979 (CACM 22:11): a random polynomial of degree t - 1 over a prime field with the
secret as its value at 0; a share is its value at a point. The field has the smallest prime
above 2^256, so a secret is any 256 bits. Points are 1, 2, ... in roster order.
"""

from collections.abc import Mapping, Sequence

PRIME = 2**256 + 297
"""The smallest prime above 2^256."""

SECRET_BYTES = 32
SHARE_BYTES = 33
COEFFICIENT_BYTES = 48
"""A coefficient is 384 random bits modulo the prime: even to within 2^-127."""


def split(secret: bytes, points: Sequence[int], threshold: int, random: bytes) -> list[bytes]:
    """Return the share of each point, 33 bytes each.

    Args:
        secret: 32 bytes.
        points: Different numbers, at least 1.
        threshold: Shares that rebuild the secret.
        random: 48 * (threshold - 1) secret random bytes, used for nothing else.
    """
    coefficients = [int.from_bytes(secret, "big")] + [
        int.from_bytes(random[start : start + COEFFICIENT_BYTES], "big") % PRIME
        for start in range(0, COEFFICIENT_BYTES * (threshold - 1), COEFFICIENT_BYTES)
    ]
    if len(random) != COEFFICIENT_BYTES * (threshold - 1):
        raise ValueError(f"{len(random)} random bytes for a threshold of {threshold}")
    return [_at(coefficients, point).to_bytes(SHARE_BYTES, "big") for point in points]


def join(shares: Mapping[int, bytes]) -> bytes | None:
    """Return the secret behind `shares`, by point; None if they are no shares of 32 bytes.

    Exactly as many as the threshold are needed; fewer give an unrelated number.
    """
    points = list(shares)
    total = 0
    for point in points:
        top = bottom = 1
        for other in points:
            if other != point:
                top = top * other % PRIME
                bottom = bottom * (other - point) % PRIME
        share = int.from_bytes(shares[point], "big")
        total = (total + share * top * pow(bottom, -1, PRIME)) % PRIME
    return total.to_bytes(SECRET_BYTES, "big") if total < 2**256 else None


def _at(coefficients: Sequence[int], point: int) -> int:
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * point + coefficient) % PRIME
    return value
