"""The message of docs/formats/message.md, byte for byte, and read by a second program.

The reader below shares no code with modelward: plain Python and one signature library,
written from the page alone.
"""

import json
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.artifact.envelope import seal
from tests.letters import HUB, MODEL, STUDY, letter

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
