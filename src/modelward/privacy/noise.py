"""Secret random numbers by name, for sampling patients and for noise.

    key    = HMAC-SHA256(site's DP key, RFC 8785 JSON of the words)
    stream = ChaCha20 (RFC 8439, section 2.4) under `key`, nonce 0, counter from 0

The words name the study, round, task (with the model it starts from), cohort snapshot,
terms, step and purpose. A step that is repeated after a crash gives the same bytes and is
not a second look at patients; any other question gives unrelated bytes. The DP key never
leaves the site: whoever had it could subtract the noise. recipes/layers/draws.py is its public
counterpart, for numbers that anybody may know.

Gaussians come from the Box-Muller transform (1958): exact for exact uniforms, and it uses
two 64-bit words for two values. The inverse distribution function needs a rational fit per
tail, and 53-bit uniforms would end its tails at 8.2 standard deviations, a probability of
2^-53 for each of 10^9 values. Here tails end at 9.4, a probability below 2^-67.

Floating-point noise added to a floating-point sum shows low bits of the sum (Mironov 2012,
CCS). So this file only draws; mechanism.py adds, in whole numbers.
"""

import hmac
from dataclasses import dataclass, field
from math import pi

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

from modelward.core.canonical import canonical_bytes
from modelward.errors import BadPrivacyTerms

KEY_BYTES = 32
"""Length of a site's DP key."""

BLOCK = 1 << 14
"""Pairs of values drawn at once: their temporaries stay in a level-2 cache."""

_UNIT = 2.0**-64


class Stream:
    """Random words under one key, in order.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor()

    def words(self, n: int) -> NDArray[np.uint64]:
        """Return the next `n` uniform 64-bit words, [n], little-endian."""
        return np.frombuffer(self._cipher.update(bytes(8 * n)), "<u8").astype(
            np.uint64, copy=False
        )


@dataclass(frozen=True, slots=True)
class Secret:
    """A site's DP key, narrowed to one release by words.

    Attributes:
        key: 32 bytes from the operating system's generator, kept with the signing key.
        words: What the release is: study, round, task, cohort snapshot, terms.

    Raises:
        BadPrivacyTerms: If the key has another length.
    """

    key: bytes = field(repr=False)
    words: tuple[str | int, ...]

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise BadPrivacyTerms(
                f"the DP key has {len(self.key)} bytes",
                why="noise is as secret as its key, and a ChaCha20 key has 32 bytes",
                remedy="make a new one with: modelward site init",
            )

    def stream(self, *purpose: str | int) -> Stream:
        """Return the stream for `purpose`, such as ("noise", step), from its start."""
        named = canonical_bytes([*self.words, "|", *purpose])
        return Stream(hmac.digest(self.key, named, "sha256"))


def coins(stream: Stream, n: int, probability: float) -> NDArray[np.bool_]:
    """Return `n` independent tosses, [n], each true with `probability` in [0, 1].

    The probability is rounded down to a multiple of 2^-64, never up.
    """
    if probability >= 1.0:
        return np.ones(n, np.bool_)
    return stream.words(n) < np.uint64(int(probability * 2.0**64))


def gaussians(stream: Stream, n: int) -> NDArray[np.float64]:
    """Return `n` independent standard normal values, [n]."""
    values = np.empty(n + (n & 1))
    for start in range(0, values.size, 2 * BLOCK):
        part = values[start : start + 2 * BLOCK]
        pairs = part.size // 2
        words = stream.words(2 * pairs)
        radius = (words[:pairs].astype(np.float64) + 1.0) * _UNIT  # in (0, 1]
        np.log(radius, out=radius)
        radius *= -2.0
        np.sqrt(radius, out=radius)
        angle = words[pairs:].astype(np.float64) * (2.0 * pi * _UNIT)
        np.multiply(radius, np.cos(angle), out=part[:pairs])
        np.multiply(radius, np.sin(angle), out=part[pairs:])
    return values[:n]


def generator(stream: Stream) -> np.random.Generator:
    """Return a numpy generator under 128 secret bits, for random variations of inputs.

    Which variation an image gets must be as secret as whether it was sampled: with public
    draws, one patient less would give every later image another, known, variation.
    """
    low, high = (int(word) for word in stream.words(2))
    return np.random.Generator(np.random.Philox(key=low | high << 64))
