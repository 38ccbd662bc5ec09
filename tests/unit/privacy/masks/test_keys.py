"""Keys and masks of one round."""

from dataclasses import replace

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from modelward.errors import MaskingFailed
from modelward.privacy.masks import keys
from tests.masked_round import Ward

SESSION = Ward(4).session
ALICE, BOB = bytes(range(32)), bytes(range(1, 33))


def test_a_mask_is_the_aes_counter_stream_of_its_seed():
    size = keys.CHUNK + 5
    words = np.zeros(size, np.uint64)

    keys.add_mask(words, ALICE, minus=False)

    stream = Cipher(AES256(ALICE), CTR(bytes(16))).encryptor().update(bytes(8 * size))
    assert words.astype("<u8").tobytes() == stream


def test_a_mask_comes_off_as_it_went_on_modulo_2_to_the_64():
    words = np.array([0, 1, 2**64 - 1, 2**63], np.uint64)
    masked = words.copy()

    keys.add_mask(masked, ALICE, minus=False)
    assert (masked != words).all()
    keys.add_mask(masked, ALICE, minus=True)

    assert masked.tolist() == words.tolist()


def test_both_sides_of_a_pair_have_the_same_seed_and_nobody_else_has():
    names = ("a", "b")
    mine = keys.pair_seed(SESSION, ALICE, keys.public_of(BOB), names)
    theirs = keys.pair_seed(SESSION, BOB, keys.public_of(ALICE), names[::-1])

    assert mine == theirs
    assert len(mine) == 32
    for session in (
        replace(SESSION, round_no=2),
        replace(SESSION, study="other"),
        replace(SESSION, schema="other"),
        replace(SESSION, roster=Ward(5).session.roster),
    ):
        assert keys.pair_seed(session, ALICE, keys.public_of(BOB), names) != mine
    assert keys.pair_seed(SESSION, ALICE, keys.public_of(BOB), ("a", "c")) != mine


def test_secrets_of_a_round_have_256_bits_each_and_differ():
    made = keys.RoundKeys(SESSION, ALICE)
    other = keys.RoundKeys(replace(SESSION, round_no=2), ALICE)
    found = [made.channel, made.mask, made.seed, other.channel, other.mask, other.seed]

    assert {len(secret) for secret in found} == {32}
    assert len(set(found)) == len(found)
    assert len({secret[:4] for secret in found}) == len(found)  # not grown from 32 bits


def test_a_parcel_opens_only_for_the_way_it_was_sealed():
    parcel = keys.seal(SESSION, ALICE, ("a", "b"), b"shares")

    assert keys.unseal(SESSION, ALICE, ("a", "b"), parcel) == b"shares"
    with pytest.raises(InvalidTag):
        keys.unseal(SESSION, ALICE, ("b", "a"), parcel)
    with pytest.raises(InvalidTag):
        keys.unseal(replace(SESSION, round_no=2), ALICE, ("a", "b"), parcel)


@pytest.mark.parametrize("weak", [bytes(32), bytes(31), b"\x01" + bytes(31)])
def test_a_public_key_that_agrees_with_everybody_is_refused(weak):
    with pytest.raises(MaskingFailed, match="nothing secret"):
        keys.agree(ALICE, weak)
