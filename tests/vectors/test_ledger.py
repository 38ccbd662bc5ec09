"""The ledger of docs/formats/ledger.md, byte for byte, and read by a second program.

The reader below shares no code with modelward: plain Python and one signature library,
written from the page alone.
"""

import base64
import json
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.ledger import (
    archive,
    checkpoint,
    cosignature,
    growth,
    kinds,
    proof,
    request,
    witnessed,
)
from modelward.ledger.verify import verify
from tests.ledgers import KEY, open_ledger
from tests.witnesses import KEYS, NOON, SIGNERS

FOLDER = Path(__file__).parent / "ledger"
PAGE = Path(__file__).parents[2] / "docs/formats/ledger.md"
COSIGNATURES = PAGE.with_name("cosignature.md")
FILES = ["entries.jsonl", "checkpoints", "witnessed", "key.pub"]


def write_vector(folder: Path) -> None:
    """Write the ledger of the page: one entry, then a batch of two."""
    study = "9f" * 32
    released = kinds.fields(
        "release",
        artifact="update",
        bytes=4096,
        patients=199,
        privacy={"mechanism": "none"},
        round=1,
        sha256="3b" * 32,
        study=study,
        task="51" * 32,
    )
    refused = [
        kinds.fields(
            "refusal",
            artifact="update",
            findings=[{"rule": "finite", "says": "NaN in w", "remedy": "lower the rate"}],
            round=2,
            study=study,
            task=task * 32,
        )
        for task in ("52", "53")
    ]
    with open_ledger(folder) as ledger:
        ledger.append(released)
        ledger.append_all(refused)
        line = cosignature.cosign(ledger.checkpoint, SIGNERS[0], NOON)
        witnessed.keep(ledger, cosignature.attach(ledger.checkpoint, line))
    (folder / "entry.tlog-proof").write_bytes(
        archive.read(folder, KEY, witnessed=True).prove(1).encode()
    )
    first = checkpoint.split_history((folder / "checkpoints").read_bytes())[0][1]
    (folder / "growth.proof").write_bytes(
        growth.prove(archive.read(folder, KEY, witnessed=True), first, KEY).encode()
    )


def test_the_same_entries_give_the_same_bytes(tmp_path):
    write_vector(tmp_path)

    for name in [*FILES, "entry.tlog-proof", "growth.proof"]:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()


def test_the_vector_verifies():
    found = verify(FOLDER)

    assert (found.entries, found.checkpoints) == (3, 3)


def test_the_proof_of_the_vector_verifies():
    raw = (FOLDER / "entry.tlog-proof").read_bytes()
    found = proof.verify(proof.parse(raw), KEY, KEYS[:1], need=1)

    assert found.entry["task"] == "52" * 32
    assert found.witnessed.times == {"hub": NOON}


def test_the_proof_of_growth_of_the_vector_verifies():
    raw = (FOLDER / "growth.proof").read_bytes()
    first = checkpoint.split_history((FOLDER / "checkpoints").read_bytes())[0][1]
    found = growth.verify(request.parse(raw), first, KEY, KEYS[:1], need=1)

    assert (found.held.size, found.witnessed.checkpoint.size) == (1, 3)


def test_the_pages_show_the_vector():
    page = PAGE.read_text()
    witnessed_page = COSIGNATURES.read_text()

    assert f"```\n{(FOLDER / 'witnessed').read_text()}```" in witnessed_page
    assert KEYS[0].text in witnessed_page
    for name in ("entries.jsonl", "checkpoints", "key.pub", "entry.tlog-proof", "growth.proof"):
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
