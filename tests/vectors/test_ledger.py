"""The ledger of docs/formats/ledger.md, byte for byte, and read by a second program.

The reader below shares no code with modelward: plain Python and one signature library,
written from the page alone.
"""

import base64
import json
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.core.canonical import Json
from modelward.ledger.verify import verify
from tests.ledgers import open_ledger

FOLDER = Path(__file__).parent / "ledger"
PAGE = Path(__file__).parents[2] / "docs/formats/ledger.md"
FILES = ["entries.jsonl", "checkpoints", "key.pub"]


def write_vector(folder: Path) -> None:
    """Write the ledger of the page: one entry, then a batch of two."""
    study = "9f" * 32
    with open_ledger(folder) as ledger:
        ledger.append(
            {
                "bytes": 4096,
                "decision": "released",
                "kind": "update",
                "patients": 199,
                "privacy": {"mechanism": "none"},
                "round": 1,
                "sha256": "3b" * 32,
                "study": study,
                "task": "51" * 32,
            }
        )
        refused: dict[str, Json] = {
            "decision": "refused",
            "kind": "update",
            "round": 2,
            "study": study,
        }
        ledger.append_all([{**refused, "task": "52" * 32}, {**refused, "task": "53" * 32}])


def test_the_same_entries_give_the_same_bytes(tmp_path):
    write_vector(tmp_path)

    for name in FILES:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_the_vector_verifies():
    found = verify(FOLDER)

    assert (found.entries, found.checkpoints) == (3, 3)


def test_the_page_shows_the_vector():
    page = PAGE.read_text()

    for name in FILES:
        assert f"```\n{(FOLDER / name).read_text()}```" in page


def test_a_reader_written_from_the_page_alone_agrees():
    name, key_id, encoded = (FOLDER / "key.pub").read_text().rstrip("\n").split("+", 2)
    typed = base64.b64decode(encoded)
    assert typed[:1] == b"\x01"
    identity = sha256(name.encode() + b"\n" + typed).digest()[:4]
    assert identity.hex() == key_id
    public = Ed25519PublicKey.from_public_bytes(typed[1:])
    lines = (FOLDER / "entries.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line)["seq"] for line in lines] == list(range(len(lines)))
    level = [sha256(b"\0" + line).digest() for line in lines]

    parts = (FOLDER / "checkpoints").read_text().split("\n\n")
    assert parts.pop() == ""
    for body, signature in zip(parts[::2], parts[1::2], strict=True):
        origin, size, root = body.split("\n")
        assert origin == name
        assert base64.b64decode(root) == pairwise(level[: int(size)])
        dash, signer, signed = signature.split(" ")
        assert (dash, signer) == ("—", name)
        assert base64.b64decode(signed)[:4] == identity
        public.verify(base64.b64decode(signed)[4:], f"{body}\n".encode())
    assert int(parts[-2].split("\n")[1]) == len(lines)


def pairwise(level: list[bytes]) -> bytes:
    """Return the root by pairing neighbours; an odd one goes up as it is."""
    while len(level) > 1:
        paired = [
            sha256(b"\1" + left + right).digest()
            for left, right in zip(level[::2], level[1::2], strict=False)
        ]
        level = paired + level[len(paired) * 2 :]
    return level[0] if level else sha256(b"").digest()
