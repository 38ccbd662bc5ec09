"""The examples of the formats of the data-model network: bytes that must never change."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from modelward.core.canonical import canonical_bytes
from modelward.errors import BadArtifact, GateRefused, MessageRefused, NotAdmitted
from modelward.exchange.documents import card, letter, members, question
from modelward.exchange.documents.intake import Intake, read_intake
from modelward.exchange.documents.letter import Place
from modelward.exchange.documents.question import Question

ROOT = Path(__file__).parents[2]
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BEFORE = Place(1, "77" * 32)


def raw(name: str) -> bytes:
    return (Path(__file__).parent / "exchange" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", ["offer", "letter", "question", "introduction"])
def test_the_page_shows_the_file(name):
    page = (ROOT / "docs" / "formats" / f"{name}.md").read_text("utf-8")

    assert f"```json\n{raw(name).decode()}\n```" in page


def test_the_card_is_read_written_again_and_signed():
    found = card.from_json(raw("offer"))

    card.verify(found, KEY.public_key())
    assert card.to_json(found) == raw("offer")
    assert f"`{found.sha}`" in (ROOT / "docs/formats/offer.md").read_text("utf-8")
    assert card.sign(found, KEY) == found


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("offer", card.OfferCard),
        ("letter", letter.Letter),
        ("question", Question),
        ("introduction", members.Introduction),
        ("intake", Intake),
    ],
)
def test_the_schema_beside_the_page_is_that_of_the_code(name, model):
    kept = json.loads((ROOT / f"docs/formats/{name}.schema.json").read_bytes())

    assert kept == json.loads(json.dumps(model.model_json_schema()))


def test_the_question_is_read_and_its_hash_is_on_the_page():
    found = question.from_json(raw("question"))

    assert canonical_bytes(found.model_dump(mode="json")) == raw("question")
    assert f"`{found.sha256}`" in (ROOT / "docs/formats/question.md").read_text("utf-8")


def test_the_introduction_is_read_and_its_fingerprint_is_on_the_page():
    found = members.read(raw("introduction"))
    sealing = X25519PrivateKey.from_private_bytes(bytes(range(32, 64)))

    assert found.to_bytes() == raw("introduction")
    assert members.introduce("cleveland", KEY, sealing, "2026-11-20T09:30:00Z") == found
    assert f"`{found.spoken}`" in (ROOT / "docs/formats/introduction.md").read_text("utf-8")


@pytest.mark.parametrize("place", range(0, 430, 31))
def test_an_introduction_with_any_byte_changed_is_refused(place):
    changed = bytearray(raw("introduction"))
    changed[place % len(changed)] ^= 1

    with pytest.raises(NotAdmitted):
        members.read(bytes(changed))


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["normal"]},
        {"labels": ["normal", "normal"]},
        {"inputs": []},
        {"shared": "zz"},
        {"purpose": ""},
        {"unheard": 1},
    ],
)
def test_a_question_that_breaks_a_rule_is_refused(change):
    table = {**json.loads(raw("question")), **change}

    with pytest.raises(BadArtifact, match="not a question"):
        question.from_json(json.dumps(table).encode())


def test_the_intake_file_is_read_and_shown(tmp_path):
    path = Path(__file__).parent / "exchange" / "intake.toml"
    page = (ROOT / "docs/formats/intake.md").read_text("utf-8")

    found = read_intake(path)

    assert found.sources == frozenset({"north", "south"})
    assert found.max_bytes == Intake().max_bytes
    assert f"```toml\n{path.read_text()}```" in page
    wrong = tmp_path / "intake.toml"
    wrong.write_text('from = ["North!"]\nkinds = ["update"]\nmax_byte = 3\n')
    with pytest.raises(GateRefused) as caught:
        read_intake(wrong)
    assert all(key in caught.value.what for key in ("from", "kinds", "max_byte"))


def test_the_letter_is_read():
    found = letter.read(raw("letter"), "cleveland", KEY.public_key(), BEFORE, now=NOON)

    assert (found.kind, found.number) == ("revocation", 2)
    assert found.body["card"] == card.from_json(raw("offer")).sha
    assert letter.write(found, KEY) == raw("letter")


@pytest.mark.parametrize("place", range(0, 900, 43))
def test_a_letter_with_any_byte_changed_is_refused(place):
    changed = bytearray(raw("letter"))
    changed[place % len(changed)] ^= 1

    with pytest.raises(MessageRefused):
        letter.read(bytes(changed), "cleveland", KEY.public_key(), BEFORE, now=NOON)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "va"},
        {"place": Place(2, "77" * 32)},
        {"place": Place(1, "78" * 32)},
        {"now": datetime(2026, 11, 20, 9, 0, tzinfo=UTC)},
        {"key": Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()},
    ],
)
def test_a_letter_out_of_its_place_is_refused(wrong):
    said: dict[str, Any] = {
        "sender": "cleveland",
        "key": KEY.public_key(),
        "place": BEFORE,
        "now": NOON,
    }
    said |= wrong

    with pytest.raises(MessageRefused):
        letter.read(raw("letter"), said["sender"], said["key"], said["place"], now=said["now"])


@pytest.mark.parametrize(
    "change",
    [
        {"version": 0},
        {"kind": "update"},
        {"sha256": "zz"},
        {"unheard": 1},
        {"competence": {"labels": ["a", "a"], "units": [0, 0]}},
        {"competence": {"labels": ["a", "b"], "units": [3, 0]}},
        {"signature": "00" * 64},
    ],
)
def test_a_card_that_breaks_a_rule_is_refused(change):
    with pytest.raises(BadArtifact):
        card.verify(card.from_table({**json.loads(raw("offer")), **change}), KEY.public_key())
