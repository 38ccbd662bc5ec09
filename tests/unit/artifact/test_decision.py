"""A decision is one named person's, about one study and roster, in its place."""

from dataclasses import replace

import pytest

from modelward.artifact.card import fingerprint
from modelward.artifact.decision import Decision
from modelward.errors import MessageRefused
from tests.sites import ADA, BEN

MADE = Decision(
    word="approved",
    study="9f" * 32,
    roster="3b" * 32,
    site="cleveland",
    number=1,
    person="Dr Ada Byron",
    time="2026-11-20T09:30:00Z",
)


def test_a_signed_decision_reads_back():
    signed = MADE.signed(ADA)

    assert Decision.read(signed.body()) == signed
    assert signed.key == fingerprint(ADA.public_key())
    assert replace(signed, public=MADE.public, signature="") == MADE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("word", "withdrawn"),
        ("study", "00" * 32),
        ("roster", "00" * 32),
        ("site", "va"),
        ("number", 2),
        ("person", "Dr Ben Carr"),
        ("time", "2026-11-20T09:30:01Z"),
        ("public", BEN.public_key().public_bytes_raw().hex()),
        ("signature", "00" * 64),
        ("format", "modelward-decision/2"),
    ],
)
def test_every_altered_field_is_refused(field, value):
    body = MADE.signed(ADA).body()
    assert field in body

    with pytest.raises(MessageRefused):
        Decision.read({**body, field: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"word": "perhaps"},
        {"number": 0},
        {"number": "1"},
        {"number": True},
        {"person": ""},
        {"person": "A\nB"},
        {"person": "A" * 81},
        {"time": "yesterday"},
        {"site": "../va"},
        {"signature": ""},
        {"public": "zz"},
        {"more": 1},
    ],
)
def test_a_body_of_another_form_is_refused(changes):
    with pytest.raises(MessageRefused):
        Decision.read({**MADE.signed(ADA).body(), **changes})


def test_a_field_less_is_refused():
    body = MADE.signed(ADA).body()
    for name in list(body):
        with pytest.raises(MessageRefused):
            Decision.read({key: value for key, value in body.items() if key != name})
