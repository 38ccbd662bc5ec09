"""The message of docs/formats/message.md, byte for byte, and read by a second program.

The reader below shares no code with modelward: plain Python and one signature library,
written from the page alone.
"""

import json
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.artifact.decision import Decision
from modelward.artifact.envelope import seal
from modelward.artifact.review import Review
from modelward.core.canonical import canonical_bytes
from modelward.hub.transcript import from_body
from tests.letters import HUB, MODEL, STUDY, letter
from tests.sites import ADA

MADE = Decision(
    word="approved",
    study=STUDY,
    roster=MODEL,
    site="cleveland",
    number=1,
    person="Dr Ada Byron",
    time="2026-11-20T09:30:00Z",
)
REVIEWED = Review(
    word="released",
    task=STUDY,
    card=MODEL,
    site="cleveland",
    person="Dr Ada Byron",
    time="2026-11-20T09:30:00Z",
    reason="nothing small in it",
)
REVIEW = Path(__file__).parent / "message/review.json"
APPROVAL = Path(__file__).parent / "message/approval.json"
FILE = Path(__file__).parent / "message/task.json"
PAGE = Path(__file__).parents[2] / "docs/formats/message.md"


def test_the_page_shows_the_file():
    assert f"\n{FILE.read_text()}\n" in PAGE.read_text()


def test_modelward_writes_these_bytes():
    assert seal(letter(), HUB) == FILE.read_bytes()


def test_a_stranger_can_read_them():
    raw = FILE.read_bytes()
    fields = json.loads(raw)
    spelled = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert spelled.encode() == raw  # RFC 8785, for ASCII names and whole numbers

    signature = bytes.fromhex(fields.pop("signature"))
    signed = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    public = Ed25519PublicKey.from_public_bytes(HUB.public_key().public_bytes_raw())
    public.verify(signature, b"modelward-message/1\n" + signed.encode())

    assert fields["key"] == sha256(public.public_bytes_raw()).hexdigest()
    assert (fields["study"], fields["round"], fields["sender"]) == (STUDY, 3, "hub")
    assert fields["body"] == {"kind": "train", "model": MODEL}


def test_the_approval_of_its_page_is_the_file_and_is_what_modelward_writes():
    raw = APPROVAL.read_bytes()

    assert canonical_bytes(MADE.signed(ADA).body()) == raw
    assert f"\n{raw.decode()}\n" in (PAGE.parent / "approval.md").read_text()


def test_a_stranger_can_check_the_approval():
    fields = json.loads(APPROVAL.read_text())
    signature = bytes.fromhex(fields.pop("signature"))
    signed = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(fields["public"]))

    public.verify(signature, b"modelward-decision/1\n" + signed.encode())

    assert (fields["word"], fields["site"], fields["number"]) == ("approved", "cleveland", 1)


def test_the_review_of_its_page_is_the_file_and_is_what_modelward_writes():
    raw = REVIEW.read_bytes()

    assert canonical_bytes(REVIEWED.signed(ADA).body()) == raw
    assert f"\n{raw.decode()}\n" in (PAGE.parent / "approval.md").read_text()


def test_a_stranger_can_check_the_review():
    fields = json.loads(REVIEW.read_text())
    signature = bytes.fromhex(fields.pop("signature"))
    signed = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(fields["public"]))

    public.verify(signature, b"modelward-review/1\n" + signed.encode())

    assert (fields["word"], fields["task"], fields["card"]) == ("released", STUDY, MODEL)


def test_the_transcript_of_its_page_is_read():
    text = (PAGE.parent / "transcript.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith('{"before"')]

    told = from_body(STUDY, 1, json.loads(line))

    assert [each.weight for each in told.inputs] == [199, 85]
    assert canonical_bytes(told.body()).decode() == line
