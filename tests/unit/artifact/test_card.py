"""A card is bound to every one of its fields by a signature."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact import card
from modelward.core.artifact import Card
from modelward.errors import BadArtifact

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

CARD = Card(
    kind="update",
    study="a" * 64,
    round_no=3,
    task="b" * 64,
    site="cleveland",
    schema="c" * 64,
    sha256="d" * 64,
    nbytes=400,
    patients=199,
)


def test_a_signed_card_survives_the_way_to_disk_and_back():
    signed = card.sign(CARD, KEY)

    assert card.from_json(card.to_json(signed)) == signed
    card.verify(signed, KEY.public_key())


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "metrics"},
        {"study": "e" * 64},
        {"round_no": 4},
        {"task": "e" * 64},
        {"site": "va"},
        {"schema": "e" * 64},
        {"sha256": "e" * 64},
        {"nbytes": 401},
        {"patients": 200},
        {"privacy": {"mechanism": "gaussian"}},
        {"parent": "e" * 64},
        {"signature": "00" * 64},
        {"signature": "not hex"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_any_field_breaks_the_signature(change):
    altered = replace(card.sign(CARD, KEY), **change)

    with pytest.raises(BadArtifact):
        card.verify(altered, KEY.public_key())


def test_another_sites_key_is_not_accepted():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))

    with pytest.raises(BadArtifact, match="another key"):
        card.verify(card.sign(CARD, KEY), other.public_key())


GOOD = card.to_json(card.sign(CARD, KEY))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        GOOD + b" ",
        GOOD.replace(b"modelward-card/1", b"modelward-card/9"),
        GOOD.replace(b'"patients":199', b'"patients":"199"'),
        GOOD.replace(b'"patients":199', b'"patients":199.5'),
        GOOD.replace(b'"patients":199', b'"note":"mrn 4711","patients":199'),
        GOOD.replace(b'"patients":199', b'"patients":199,"patients":200'),
        GOOD.replace(b'"kind":"update"', b'"kind":"pickle"'),
    ],
)
def test_a_card_that_is_not_canonical_is_refused(raw):
    with pytest.raises(BadArtifact):
        card.from_json(raw)
