"""The example of the C2SP page, a cosignature worked out by hand, then k of n."""

import base64
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, cosignature, note
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.note import COSIGNATURE, Signer, VerifierKey
from tests.ledgers import KEY, ORIGIN, PRIVATE
from tests.witnesses import KEYS, NAMES, NOON, SIGNERS, after

# From the page c2sp.org/tlog-cosignature: a checkpoint with a cosignature of 1679315147.
C2SP_NOTE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
""".encode()  # noqa: E501 - a signature line is not broken

SIGNED = checkpoint.sign(Checkpoint(ORIGIN, 7, bytes(32)), Signer(ORIGIN, PRIVATE))
BODY = f"{ORIGIN}\n7\n{base64.b64encode(bytes(32)).decode()}\n"


def cosigned(*numbers: int, minutes: int = 0) -> bytes:
    """Return the checkpoint with the lines of the witnesses of these numbers."""
    lines = [cosignature.cosign(SIGNED, SIGNERS[each], after(minutes)) for each in numbers]
    return cosignature.attach(SIGNED, *lines)


def test_the_form_is_that_of_the_page():
    _, (_, found) = note.split(C2SP_NOTE)

    assert found.name == "witness.example.com/w1"
    assert found.key_id.hex() == "8d66cf3f"
    assert int.from_bytes(found.raw[:8], "big") == 1679315147
    assert len(found.raw) == 8 + 64


def test_a_cosignature_is_what_the_page_says_byte_for_byte():
    private = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    public = private.public_key().public_bytes_raw()
    seconds = 1_795_176_000  # date -u -d 2026-11-20T12:00:00 +%s
    message = f"cosignature/v1\ntime {seconds}\n{BODY}".encode()
    key_id = sha256(b"w\n\x04" + public).digest()[:4]
    raw = key_id + seconds.to_bytes(8, "big") + private.sign(message)

    line = cosignature.cosign(SIGNED, Signer("w", private), NOON)

    assert line == f"— w {base64.b64encode(raw).decode()}\n".encode()


def test_a_cosignature_verifies_and_tells_its_time():
    late = datetime(2026, 11, 20, 13, 0, 0, 999_999, tzinfo=UTC)
    line = cosignature.cosign(SIGNED, SIGNERS[0], late)

    found = cosignature.cosigned_at(cosignature.attach(SIGNED, line), KEYS[0])

    assert found == late.replace(microsecond=0)
    assert cosignature.cosigned_at(SIGNED, KEYS[0]) is None


def test_a_key_may_be_given_as_the_site_publishes_it():
    assert cosignature.cosigned_at(cosigned(1), SIGNERS[1].key) == NOON
    assert VerifierKey.parse(KEYS[1].text) == KEYS[1]
    assert KEYS[1].type == COSIGNATURE


def test_a_cosigners_key_signs_no_checkpoint_and_a_ledgers_key_no_cosignature():
    own = cosignature.attach(SIGNED, cosignature.cosign(SIGNED, Signer(ORIGIN, PRIVATE), NOON))

    assert checkpoint.read(own, KEY).size == 7
    with pytest.raises(LedgerBroken, match="no signature by"):
        note.verify(own, KEY.cosigner)


def test_a_newer_line_replaces_the_older_one_of_the_same_witness():
    twice = cosignature.attach(cosigned(0, 1), cosignature.cosign(SIGNED, SIGNERS[0], after(5)))

    assert twice.count("—".encode()) == 3
    assert cosignature.cosigned_at(twice, KEYS[0]) == after(5)
    assert cosignature.cosigned_at(twice, KEYS[1]) == NOON


@pytest.mark.parametrize("present", [(), (0,), (0, 1), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("need", range(4))
def test_k_of_n_must_have_cosigned(present, need):
    signed = cosigned(*present) if present else SIGNED

    if len(present) < need:
        with pytest.raises(LedgerBroken, match=f"{len(present)} of 3 witnesses cosigned"):
            cosignature.verify(signed, KEY, KEYS, need=need)
    else:
        found = cosignature.verify(signed, KEY, KEYS, need=need)
        assert found.times == {NAMES[each]: NOON for each in present}
        assert found.checkpoint.size == 7


def test_a_stranger_does_not_count():
    with pytest.raises(LedgerBroken, match="0 of 1 witnesses"):
        cosignature.verify(cosigned(1, 2), KEY, KEYS[:1], need=1)


@pytest.mark.parametrize(
    "bad",
    [
        [KEYS[0], KEYS[0]],
        [KEYS[0], SIGNERS[0].key],
        [KEYS[0], VerifierKey("other", KEYS[0].public)],
        [KEYS[0], VerifierKey(KEYS[0].name, KEYS[1].public)],
        [KEY],
        [VerifierKey("other", KEY.public)],
    ],
)
def test_nobody_is_counted_twice_and_the_ledger_itself_not_at_all(bad):
    with pytest.raises(LedgerBroken, match="not distinct"):
        cosignature.verify(cosigned(0, 1), KEY, bad, need=1)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_no_byte_of_a_cosigned_note_can_be_changed(mask):
    whole = cosigned(0)

    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= mask
        with pytest.raises(LedgerBroken):
            cosignature.verify(bytes(changed), KEY, KEYS[:1], need=1)


@pytest.mark.parametrize("raw", [b"", b"\0", bytes(8), bytes(72), b"\xff" * 72, bytes(73)])
def test_what_is_no_cosignature_is_refused(raw):
    line = note.Signature(NAMES[0], KEYS[0].id, b"\0" + raw).line.encode()

    with pytest.raises(LedgerBroken, match="cosignature by hub does not fit"):
        cosignature.cosigned_at(cosignature.attach(SIGNED, line), KEYS[0])


def test_only_checkpoints_are_cosigned_and_only_at_a_possible_time():
    with pytest.raises(LedgerBroken, match="not the body of a checkpoint"):
        cosignature.cosign(note.sign("text\n", SIGNERS[0]), SIGNERS[0], NOON)
    with pytest.raises(LedgerBroken, match="clock says 1969"):
        cosignature.cosign(SIGNED, SIGNERS[0], datetime(1969, 1, 1, tzinfo=UTC))
