"""Secret draws: published key streams, then distributions."""

import hmac

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray
from scipy import stats
from typing_extensions import override

from modelward.errors import BadPrivacyTerms
from modelward.privacy.noise import Secret, Stream, coins, gaussians, generator

SECRET = Secret(bytes(range(32)), ("study", 3, "task", "cohort"))

# RFC 8439, appendix A.1, test vector 1: the first block under an all-zero key and nonce.
FIRST_BLOCK = bytes.fromhex(
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
    "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
)


class Chosen(Stream):
    """A stream whose words are known: what the generator does at its very edges."""

    def __init__(self, *words: int) -> None:
        super().__init__(bytes(32))
        self._chosen = list(words)

    @override
    def words(self, n: int) -> NDArray[np.uint64]:
        taken, self._chosen = self._chosen[:n], self._chosen[n:]
        return np.array(taken, np.uint64)


def test_words_are_the_published_key_stream():
    stream = Stream(bytes(32))

    found = np.concatenate([stream.words(3), stream.words(5)])

    assert found.astype("<u8").tobytes() == FIRST_BLOCK


def test_the_key_is_the_hmac_of_the_words():
    named = b'["study",3,"task","cohort","|","noise",7]'
    key = hmac.digest(bytes(range(32)), named, "sha256")
    expected = Cipher(ChaCha20(key, bytes(16)), None).encryptor().update(bytes(64))

    assert SECRET.stream("noise", 7).words(8).astype("<u8").tobytes() == expected


@pytest.mark.parametrize(
    "other",
    [
        Secret(bytes(range(32)), ("study", 4, "task", "cohort")),
        Secret(bytes(range(32)), ("study", 3, "task", "cohort", "x")),
        Secret(bytes(range(1, 33)), ("study", 3, "task", "cohort")),
    ],
)
def test_any_other_word_or_key_gives_other_bytes(other):
    mine, theirs = SECRET.stream("noise", 0).words(8), other.stream("noise", 0).words(8)

    assert not np.intersect1d(mine, theirs).size
    assert not np.intersect1d(mine, SECRET.stream("noise", 1).words(8)).size


def test_words_cannot_slide_from_the_name_into_the_purpose():
    name = Secret(bytes(32), ("a", "b"))
    shorter = Secret(bytes(32), ("a",))

    assert name.stream("c").words(1) != shorter.stream("b", "c").words(1)


def test_gaussians_are_standard_normal():
    drawn = gaussians(SECRET.stream("noise"), 200_001)

    assert drawn.size == 200_001
    assert stats.kstest(drawn, "norm").pvalue > 1e-3
    assert np.mean(np.abs(drawn) > 4) == pytest.approx(2 * stats.norm.sf(4), abs=6e-5)
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.01
    half = 1 << 14  # the two values of a pair lie this far apart
    assert abs(np.corrcoef(drawn[:half], drawn[half : 2 * half])[0, 1]) < 0.03
    assert abs(np.corrcoef(drawn[:half] ** 2, drawn[half : 2 * half] ** 2)[0, 1]) < 0.03


def test_tails_reach_nine_standard_deviations_and_the_centre_is_finite():
    lowest, highest = 0, 2**64 - 1

    assert gaussians(Chosen(lowest, 0), 2)[0] == pytest.approx(9.4193, abs=1e-4)
    assert gaussians(Chosen(highest, 0), 2)[0] == 0.0


@pytest.mark.parametrize("probability", [0.01, 0.5, 0.99])
def test_coins_are_true_as_often_as_asked(probability):
    tossed = coins(SECRET.stream("sample", probability.hex()), 100_000, probability)

    spread = 4 * (probability * (1 - probability) / 100_000) ** 0.5
    assert tossed.mean() == pytest.approx(probability, abs=spread)


def test_a_coin_is_true_below_its_share_of_the_words_and_not_at_it():
    assert coins(Chosen(2**62 - 1, 2**62), 2, 0.25).tolist() == [True, False]


def test_certain_and_impossible_coins():
    assert coins(SECRET.stream("sample"), 1000, 1.0).all()
    assert not coins(SECRET.stream("sample"), 1000, 0.0).any()


def test_variations_are_repeated_with_the_name_and_only_then():
    first = generator(SECRET.stream("vary", 0)).integers(0, 1 << 60, 4)

    assert (generator(SECRET.stream("vary", 0)).integers(0, 1 << 60, 4) == first).all()
    assert (generator(SECRET.stream("vary", 1)).integers(0, 1 << 60, 4) != first).any()


def test_a_short_key_is_refused_and_a_key_is_never_printed():
    with pytest.raises(BadPrivacyTerms, match="16 bytes"):
        Secret(bytes(16), ())

    assert "\\x1f" not in repr(SECRET)
