"""The example of Go's sumdb/note package, then what a note must not be."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.errors import LedgerBroken
from modelward.ledger import note
from modelward.ledger.note import Signer, VerifierKey

# From the documentation of golang.org/x/mod/sumdb/note.
GO_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = f"""{GO_TEXT}
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
""".encode()  # noqa: E501 - a signature line is not broken

ONE = Signer("one", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))
TWO = Signer("two", Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32))


def go_signer() -> Signer:
    """Return the signer of Go's example; its secret is a type byte and a seed."""
    seed = base64.b64decode(GO_SECRET)[1:]
    return Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(seed))


def test_the_verifier_key_is_spelled_as_go_spells_it():
    assert go_signer().key.text == GO_KEY
    assert VerifierKey.parse(GO_KEY) == go_signer().key


def test_the_note_has_the_bytes_that_go_writes():
    assert note.sign(GO_TEXT, go_signer()) == GO_NOTE


def test_a_note_that_go_signed_verifies():
    assert note.verify(GO_NOTE, VerifierKey.parse(GO_KEY)) == GO_TEXT


def test_either_of_two_signers_is_enough():
    both = note.sign("text\n", ONE, TWO)

    assert note.verify(both, ONE.key) == note.verify(both, TWO.key) == "text\n"


def test_a_note_without_a_signature_by_the_key_is_refused():
    with pytest.raises(LedgerBroken, match=r"no signature by two\+"):
        note.verify(note.sign("text\n", ONE), TWO.key)


def test_the_same_name_with_another_key_is_refused():
    impostor = Signer("one", TWO.private)

    with pytest.raises(LedgerBroken, match="no signature by one"):
        note.verify(note.sign("text\n", impostor), ONE.key)


def test_a_bad_signature_is_not_made_good_by_a_good_one_beside_it():
    good = note.sign("text\n", ONE)
    other = note.sign("other\n", ONE).splitlines(keepends=True)[-1]

    with pytest.raises(LedgerBroken, match="does not fit its text"):
        note.verify(good + other, ONE.key)


def test_text_may_hold_empty_lines_and_lines_that_look_like_signatures():
    text = "a\n\n— one AAAA\n\nb\n"

    assert note.verify(note.sign(text, ONE), ONE.key) == text


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_no_byte_of_a_note_can_be_changed(mask):
    for at in range(len(GO_NOTE)):
        changed = bytearray(GO_NOTE)
        changed[at] ^= mask

        with pytest.raises(LedgerBroken):
            note.verify(bytes(changed), VerifierKey.parse(GO_KEY))


def test_no_end_of_a_note_can_be_cut_off():
    for size in range(len(GO_NOTE)):
        with pytest.raises(LedgerBroken):
            note.verify(GO_NOTE[:size], VerifierKey.parse(GO_KEY))


LINE = note.sign("text\n", ONE).splitlines(keepends=True)[-1]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"text\n" + LINE, "no signature lines"),
        (b"te\x00xt\n\n" + LINE, "control characters"),
        (b"te\rxt\n\n" + LINE, "control characters"),
        (b"t\xffxt\n\n" + LINE, "not UTF-8"),
        (b"text\n\n" + LINE + b"more\n", "not a signature line"),
        (b"text\n\n" + LINE.replace(b"=", b""), "not a signature line"),
        (b"text\n\n" + LINE.replace("—".encode(), b"-"), "not a signature line"),
        (b"text\n\n" + LINE + "— o+ne AAAAAAA=\n".encode(), "not a signature line"),
        (b"text\n\n" + LINE + "— two AAAA\n".encode(), "an empty signature by 'two'"),
        (b"text\n\n" + LINE * 101, "more than 100 signatures"),
        (b"text\n" * 20_000 + b"\n" + LINE, "bytes are more than 65,536"),
    ],
)
def test_what_is_not_a_note_is_refused(bad, says):
    with pytest.raises(LedgerBroken, match=says):
        note.verify(bad, ONE.key)


@pytest.mark.parametrize(("text", "says"), [("no newline", "newline"), ("a\tb\n", "control")])
def test_what_cannot_be_signed_is_refused(text, says):
    with pytest.raises(LedgerBroken, match=says):
        note.sign(text, ONE)


def test_base64_with_spare_bits_set_is_another_spelling_and_refused():
    assert note.decode_base64("AQ==") == b"\x01"
    assert note.decode_base64("AR==") is None


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        GO_KEY + " ",
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("c74f20a3", "C74F20A3"),
        GO_KEY.replace("PeterNeumann", "JohnMcCarthy"),
        GO_KEY.replace("ARpc", "Ahpc"),
        GO_KEY[:-4],
    ],
)
def test_what_is_not_a_verifier_key_is_refused(bad):
    with pytest.raises(LedgerBroken, match="not a verifier key"):
        VerifierKey.parse(bad)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "tab\tbed", "two\nlines", "a\u00a0b"])
def test_names_that_would_break_the_format_are_refused(name):
    with pytest.raises(LedgerBroken, match="not a verifier key"):
        VerifierKey(name, bytes(32))
