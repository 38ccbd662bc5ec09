"""A message counts as it was signed, once, in its time, and in no other way."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from modelward.artifact.card import fingerprint
from modelward.artifact.envelope import (
    MAX_BYTES,
    PREFIX,
    SKEW,
    digest,
    repeats,
    seal,
    unseal,
)
from modelward.core.canonical import canonical_bytes
from modelward.errors import BadArtifact, MessageRefused
from tests.letters import HUB, MORNING, NOON, STRANGER, letter

KEYS = {"hub": HUB.public_key()}


def resigned(**changes: object) -> bytes:
    """Return the message with raw fields changed (None removes one) and signed anew."""
    fields = json.loads(seal(letter(), HUB)) | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    fields.pop("signature")
    signature = HUB.sign(PREFIX + canonical_bytes(fields)).hex()
    return canonical_bytes({**fields, "signature": signature})


def test_a_message_arrives_as_it_was_sent():
    assert unseal(seal(letter(), HUB), KEYS, now=MORNING) == letter()


@pytest.mark.slow
@given(
    body=st.dictionaries(
        st.text(max_size=8),
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
        max_size=4,
    ),
    sequence=st.integers(1, 2**53 - 1),
)
def test_any_body_arrives_as_it_was_sent(body, sequence):
    sent = letter(body=body, sequence=sequence)

    assert unseal(seal(sent, HUB), KEYS, now=MORNING) == sent


def test_times_are_cut_to_whole_seconds_before_they_are_signed():
    odd = letter(issued=MORNING + timedelta(milliseconds=400))

    assert odd == letter()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "approval"),
        ("study", "0" * 64),
        ("round", 4),
        ("sender", "mallory"),
        ("sequence", 8),
        ("issued", "2026-11-20T09:29:00Z"),
        ("expires", "2036-11-20T12:00:00Z"),
        ("body", {"kind": "train", "model": "0" * 64}),
        ("key", "0" * 64),
        ("signature", "0" * 128),
        ("format", "modelward-message/2"),
    ],
)
def test_every_altered_field_is_refused(field, value):
    fields = json.loads(seal(letter(), HUB))
    assert field in fields
    keys = {**KEYS, "mallory": HUB.public_key()}

    with pytest.raises(MessageRefused):
        unseal(canonical_bytes({**fields, field: value}), keys, now=MORNING)


@pytest.mark.slow
@given(place=st.integers(0), bit=st.integers(0, 7))
def test_every_flipped_bit_is_refused(place, bit):
    raw = bytearray(seal(letter(), HUB))
    raw[place % len(raw)] ^= 1 << bit

    with pytest.raises(MessageRefused):
        unseal(bytes(raw), KEYS, now=MORNING)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "rumour"}, "kind is none of"),
        ({"kind": ["task"]}, "kind is none of"),
        ({"study": "9F" * 32}, "study"),
        ({"study": 9}, "study"),
        ({"round": -1}, "round"),
        ({"round": True}, "round"),
        ({"round": 1.5}, "round"),
        ({"sender": "Hub"}, "sender"),
        ({"sender": "../hub"}, "sender"),
        ({"sequence": 0}, "sequence"),
        ({"issued": "2026-11-20T09:30:00+01:00"}, "time"),
        ({"issued": "2026-13-20T09:30:00Z"}, "time"),
        ({"issued": "٢٠٢٦-11-20T09:30:00Z"}, "time"),
        ({"expires": "2026-11-20T09:30:00Z"}, "expires before"),
        ({"body": ["train"]}, "table"),
        ({"body": None}, "body"),
        ({"note": "hello"}, "note"),
        ({"key": "hub"}, "fingerprint"),
    ],
)
def test_a_signed_message_of_another_form_is_refused(changes, says):
    with pytest.raises(MessageRefused, match=says):
        unseal(resigned(**changes), KEYS, now=MORNING)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"{" * 9999,
        b"[" * 99999,
        b'{"a":1,"a":1}',
        b"9" * 5000,
        b'"\\ud800"',
        b" " * (MAX_BYTES + 1),
    ],
)
def test_bytes_that_are_no_message_are_refused(raw):
    with pytest.raises(MessageRefused):
        unseal(raw, KEYS, now=MORNING)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_do_more_than_be_refused(raw):
    with pytest.raises(MessageRefused):
        unseal(raw, KEYS, now=MORNING)


def test_another_spelling_of_the_same_message_is_refused():
    spaced = json.dumps(json.loads(seal(letter(), HUB)), sort_keys=True).encode()

    with pytest.raises(MessageRefused, match="canonical"):
        unseal(spaced, KEYS, now=MORNING)


def test_a_sender_who_was_not_admitted_is_not_heard():
    with pytest.raises(MessageRefused, match="'hub' is not known"):
        unseal(seal(letter(), HUB), {}, now=MORNING)


def test_a_strangers_key_does_not_speak_for_the_hub():
    with pytest.raises(MessageRefused, match="another key"):
        unseal(seal(letter(), STRANGER), KEYS, now=MORNING)


def test_a_signature_made_for_something_else_is_not_one_for_a_message():
    fields = json.loads(seal(letter(), HUB))
    fields.pop("signature")
    bare = HUB.sign(canonical_bytes(fields)).hex()

    with pytest.raises(MessageRefused, match="signature"):
        unseal(canonical_bytes({**fields, "signature": bare}), KEYS, now=MORNING)


def test_a_message_is_valid_until_its_last_second_and_not_longer():
    raw = seal(letter(), HUB)

    assert unseal(raw, KEYS, now=NOON - timedelta(seconds=1)) == letter()
    with pytest.raises(MessageRefused, match="expired"):
        unseal(raw, KEYS, now=NOON)


def test_a_clock_that_is_ahead_is_named_as_the_reason():
    raw = seal(letter(), HUB)

    assert unseal(raw, KEYS, now=MORNING - SKEW) == letter()
    with pytest.raises(MessageRefused, match="it is 2026-11-20T09:24:59Z here") as caught:
        unseal(raw, KEYS, now=MORNING - SKEW - timedelta(seconds=1))
    assert "clock" in caught.value.remedy


def test_a_time_without_a_zone_is_refused_when_the_message_is_made():
    with pytest.raises(MessageRefused, match="time zone"):
        letter(issued=datetime(2026, 11, 20))  # noqa: DTZ001 - what is tested


def test_times_of_another_zone_are_signed_in_utc():
    zoned = letter(issued=datetime.fromisoformat("2026-11-20T10:30:00+01:00"))

    assert zoned.issued == MORNING
    assert zoned.issued.tzinfo is UTC
    assert seal(zoned, HUB) == seal(letter(), HUB)


def test_what_is_too_long_to_be_read_is_not_sealed():
    with pytest.raises(MessageRefused, match="bytes long"):
        seal(letter(body={"text": "x" * MAX_BYTES}), HUB)


def test_a_body_without_canonical_form_is_not_sealed():
    with pytest.raises(BadArtifact):
        seal(letter(body={"value": float("nan")}), HUB)


def test_a_message_delivered_twice_is_known_again():
    raw = seal(letter(), HUB)

    assert not repeats(raw, letter(), {})
    assert not repeats(raw, letter(), {6: "00"})
    assert repeats(raw, letter(), {7: digest(raw)})
    assert repeats(raw, letter(), {7: digest(raw), 9: "00"})


def test_the_same_sequence_with_other_content_is_refused():
    other = replace(letter(), round_no=4)

    with pytest.raises(MessageRefused, match="sequence 7 before"):
        repeats(seal(other, HUB), other, {7: digest(seal(letter(), HUB))})


def test_what_comes_late_and_was_not_seen_is_new():
    assert not repeats(seal(letter(), HUB), letter(), {6: "00", 8: "00"}, forgotten=6)


def test_a_sequence_that_may_have_been_seen_and_forgotten_is_refused():
    with pytest.raises(MessageRefused, match="sequence 7 after sequence 9"):
        repeats(seal(letter(), HUB), letter(), {8: "00", 9: "00"}, forgotten=7)


def test_the_fingerprint_in_a_message_is_the_signers():
    key = Ed25519PrivateKey.generate()

    assert json.loads(seal(letter(), key))["key"] == fingerprint(key.public_key())
