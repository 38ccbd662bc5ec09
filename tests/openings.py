"""Everything that reads bytes from elsewhere, each with bytes that it takes.

For suites that hand hostile bytes to all of it: what is not taken is refused with a
`ModelwardError`, soon, and without memory that the bytes do not justify.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact import bundle, card, envelope
from modelward.artifact.decision import Decision
from modelward.artifact.review import Review
from modelward.artifact.settlement import Settlement
from modelward.core.artifact import Card
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.errors import BadArtifact
from modelward.gate import policy_file
from modelward.joining import files
from modelward.ledger import alarm, checkpoint, cosignature, mail, note, proof, request
from modelward.ledger.note import VerifierKey
from modelward.ledger.shape import Shapes
from modelward.ledger.witnessed import WITNESSED
from modelward.readers import dataset
from modelward.study import read as study
from modelward.study import transcript
from tests.ledgers import KEY
from tests.letters import HUB, MORNING, STUDY
from tests.studies import TABLE
from tests.witnesses import KEYS

ROOT = Path(__file__).parents[1]
VECTORS = ROOT / "tests/vectors"
LEDGER = VECTORS / "ledger"
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SETTLED = Settlement(
    alarm="3b" * 8, spent="2.5", reason="a new disk", site="cleveland", person="Dr Ada Byron",
    time="2026-11-20T09:30:00Z",
)  # fmt: skip


@dataclass(frozen=True)
class Opening:
    """One parser.

    Attributes:
        read: Takes bytes, or raises.
        good: Bytes that it takes.
        seal: Signs a table of the format again, where it has a signature.
    """

    read: Callable[[bytes], object]
    good: bytes
    seal: Callable[[dict[str, Any]], bytes] | None = None


def on_disk(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return a reader of bytes for a reader of files; the file never touches a disk."""
    descriptor = os.memfd_create("opening")

    def opened(raw: bytes) -> object:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, raw, 0)
        return read(Path(f"/proc/self/fd/{descriptor}"))

    return opened


def signed(table: dict[str, Any], prefix: bytes, key: str = "") -> bytes:
    """Return the canonical bytes of a table signed again, its field `key` naming the signer."""
    body = {name: value for name, value in table.items() if name != "signature"}
    if key in body:
        body[key] = SIGNER.public_key().public_bytes_raw().hex()
    return canonical_bytes(
        {**body, "signature": SIGNER.sign(prefix + canonical_bytes(body)).hex()}
    )


def card_of(raw: bytes) -> object:
    """Read a card and check its signature."""
    found = card.from_json(raw)
    card.verify(found, SIGNER.public_key())
    return found


def signed_card(table: dict[str, Any]) -> bytes:
    """Return a card signed again."""
    return signed(table, card.PREFIX)


def message_of(raw: bytes) -> object:
    """Read a message of the hub."""
    return envelope.unseal(raw, {"hub": HUB.public_key()}, now=MORNING)


def member_of(raw: bytes) -> object:
    """Read a membership and check that its hub signed it."""
    found = files.Membership.read(raw, file="membership.json")
    found.opened_by(found.signing)
    return found.spoken


def request_of(raw: bytes) -> object:
    """Read a site's request to be admitted, as the hub does."""
    found = files.Request.read(raw, file="request.json")
    files.check_request(found)
    return found.spoken


def joined(table: dict[str, Any]) -> bytes:
    """Return a joining file signed again by the vectors' key."""
    return signed(table, f"{table.get('format')}\n".encode(), "hub_key")


def entry_lines(raw: bytes) -> object:
    """Read the lines of a ledger."""
    shapes = Shapes()
    return [shapes.seq(line) for line in raw.splitlines(keepends=True)]


def table_of(raw: bytes) -> Mapping[str, Any]:
    """Return the table in the body of a message."""
    found = parse_strict(raw, what="message")
    if not isinstance(found, dict) or canonical_bytes(found) != raw:
        raise BadArtifact("no canonical table", why="as an envelope has it", remedy="-")
    return found


def transcript_of(raw: bytes) -> object:
    """Read a transcript."""
    return transcript.from_body(STUDY, 1, table_of(raw))


def a_transcript() -> bytes:
    """Return the transcript of a page."""
    page = (ROOT / "docs/formats/transcript.md").read_text("utf-8")
    return (
        page.split("```json\n")[1].split("\n```")[0].encode()
        if "```json" in page
        else (page.split("```\n")[1].rstrip("\n").encode())
    )


def a_card() -> bytes:
    """Return a signed card."""
    made = Card(
        kind="update", study=STUDY, round_no=1, task="51" * 32, site="cleveland",
        schema="aa" * 32, sha256="bb" * 32, nbytes=4096, patients=199, parent="77" * 32,
    )  # fmt: skip
    return card.to_json(card.sign(made, SIGNER))


def a_bundle() -> bytes:
    """Return a bundle of two tensors."""
    return bundle.to_bytes(
        {"intercept": np.array([0.5], np.float32), "weight": np.zeros((2, 3), np.float32)}
    )


def a_policy() -> bytes:
    """Return the policy of its page, in full."""
    page = (ROOT / "docs/formats/policy.md").read_text("utf-8")
    return page.split("```toml\n")[1].split("```")[0].encode()


def an_alarm() -> bytes:
    """Return the file of an alarm."""
    shown = (LEDGER / WITNESSED).read_bytes()
    said = alarm.Alarm(finding="split", held=shown, shown=shown, time="2026-11-20T12:00:00Z")
    return alarm.encode(said)


def some_mail() -> bytes:
    """Return what a site sends its witnesses."""
    shown = request.parse((LEDGER / "growth.proof").read_bytes())
    reply = mail.Reply("modelward/hub", KEY.name, (LEDGER / WITNESSED).read_bytes())
    return canonical_bytes(mail.Mail((KEY,), (shown,), (reply,)).body())


def decided(read: Callable[[Mapping[str, Any]], object]) -> Callable[[bytes], object]:
    """Return a reader of bytes for a reader of tables."""
    return lambda raw: read(table_of(raw))


OPENINGS: dict[str, Opening] = {
    "bundle": Opening(bundle.parse_any, a_bundle()),
    "card": Opening(card_of, a_card(), signed_card),
    "policy": Opening(on_disk(policy_file.read_policy), a_policy()),
    "study": Opening(on_disk(study.read), TABLE.encode()),
    "study.json": Opening(study.from_json, (VECTORS / "study/small.json").read_bytes()),
    "dataset": Opening(on_disk(dataset.read), b'[dataset]\nkind = "table"\npath = "a.csv"\n'),
    "checkpoint": Opening(
        lambda raw: checkpoint.read(raw, KEY), (LEDGER / WITNESSED).read_bytes()
    ),
    "note": Opening(lambda raw: note.verify(raw, KEY), (LEDGER / WITNESSED).read_bytes()),
    "history": Opening(
        lambda raw: checkpoint.read_history(raw, KEY), (LEDGER / "checkpoints").read_bytes()
    ),
    "cosignature": Opening(
        lambda raw: cosignature.verify(raw, KEY, KEYS, need=1),
        (LEDGER / WITNESSED).read_bytes(),
    ),
    "proof": Opening(
        lambda raw: proof.verify(proof.parse(raw), KEY),
        (LEDGER / "entry.tlog-proof").read_bytes(),
    ),
    "growth": Opening(
        lambda raw: checkpoint.read(request.parse(raw).signed, KEY),
        (LEDGER / "growth.proof").read_bytes(),
    ),
    "key": Opening(
        lambda raw: VerifierKey.parse(raw.decode(errors="replace")), KEY.text.encode()
    ),
    "alarm": Opening(alarm.decode, an_alarm()),
    "mail": Opening(decided(mail.from_body), some_mail()),
    "entries": Opening(entry_lines, (LEDGER / "entries.jsonl").read_bytes()),
    "message": Opening(
        message_of,
        (VECTORS / "message/task.json").read_bytes(),
        lambda table: signed(table, envelope.PREFIX),
    ),
    "approval": Opening(
        decided(Decision.read),
        (VECTORS / "message/approval.json").read_bytes(),
        lambda table: signed(table, b"modelward-decision/1\n", "public"),
    ),
    "review": Opening(
        decided(Review.read),
        (VECTORS / "message/review.json").read_bytes(),
        lambda table: signed(table, b"modelward-review/1\n", "public"),
    ),
    "settlement": Opening(
        decided(Settlement.read),
        canonical_bytes(SETTLED.signed(SIGNER).body()),
        lambda table: signed(table, b"modelward-settlement/1\n", "public"),
    ),
    "transcript": Opening(transcript_of, a_transcript()),
    "request": Opening(request_of, (VECTORS / "joining/request.json").read_bytes(), joined),
    "membership": Opening(
        member_of, (VECTORS / "joining/membership.json").read_bytes(), joined
    ),
}


def as_table(name: str) -> dict[str, Any]:
    """Return the good bytes of a JSON format as a table."""
    found: dict[str, Any] = json.loads(OPENINGS[name].good)
    return found
