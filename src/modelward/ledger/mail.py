"""What parties that witness each other send: checkpoints to look at, and what they found.

    hub  -> site    keys of the others, checkpoints of others, replies to the site's own
    site -> hub     its own checkpoint, replies to the checkpoints of others

A reply is a cosigned checkpoint, the last one that the witness knows of that ledger, or an
alarm. The carrier is not trusted: checkpoints are signed by their ledger, replies by their
witness (cosignature.py), and an alarm holds its evidence. docs/formats/cosignature.md.

The form only; who sends what when is circle.py's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelward.core.canonical import Json
from modelward.errors import BadArtifact, LedgerBroken
from modelward.ledger import alarm, request
from modelward.ledger.alarm import Alarm
from modelward.ledger.note import VerifierKey
from modelward.ledger.request import Request

NO_STUDY = "0" * 64
"""What a message with mail names as its study: ledgers outlast studies."""

MOST = 256
"""Checkpoints, and replies, in one piece of mail; more is refused."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one witness says of one ledger.

    Attributes:
        witness: Name of the witness's key, such as `modelward/hub`.
        origin: Name of the ledger.
        known: The last checkpoint it knows of that ledger, cosigned now; empty if none.
        alarm: What it found instead, or None.
    """

    witness: str
    origin: str
    known: bytes = b""
    alarm: Alarm | None = None


@dataclass(frozen=True, slots=True)
class Mail:
    """What one party hands to another at one time.

    Attributes:
        keys: Keys of parties that the receiver will hear of.
        shown: Requests for cosignatures; each names its ledger in its checkpoint.
        replies: What became of earlier ones.
    """

    keys: tuple[VerifierKey, ...] = ()
    shown: tuple[Request, ...] = ()
    replies: tuple[Reply, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.shown or self.replies)

    def body(self) -> dict[str, Json]:
        """Return the mail as a table, such as the body of a message."""
        return {
            "keys": [key.text for key in self.keys],
            "shown": [each.encode().decode() for each in self.shown],
            "replies": [_table(each) for each in self.replies],
        }


def from_body(body: Mapping[str, Any]) -> Mail:
    """Read what `Mail.body` writes.

    Raises:
        LedgerBroken: For anything else, and for more than `MOST` of a kind.
    """
    try:
        keys, shown, replies = (_few(body[name]) for name in ("keys", "shown", "replies"))
        found = Mail(
            tuple(map(VerifierKey.parse, keys)),
            tuple(request.parse(each.encode()) for each in shown),
            tuple(map(_reply, replies)),
        )
        if found.body() == dict(body):
            return found
    except (KeyError, TypeError, AttributeError, ValueError, BadArtifact, LedgerBroken):
        pass
    raise LedgerBroken(
        "mail between witnesses cannot be read",
        why="it has exactly one spelling (docs/formats/cosignature.md)",
        remedy="check that hub and sites run versions that fit together",
    )


def _few(listed: Any) -> list[Any]:  # noqa: ANN401 - whatever came; it is checked here
    """Return `listed` if it is a list of at most `MOST`."""
    if isinstance(listed, list) and len(listed) <= MOST:
        return listed
    raise ValueError("not a list, or too long")


def _table(reply: Reply) -> dict[str, Json]:
    raised = None if reply.alarm is None else alarm.encode(reply.alarm).decode()
    return {
        "witness": reply.witness,
        "origin": reply.origin,
        "known": reply.known.decode(),
        "alarm": raised,
    }


def _reply(table: Mapping[str, Any]) -> Reply:
    raised = table["alarm"]
    return Reply(
        witness=str(table["witness"]),
        origin=str(table["origin"]),
        known=table["known"].encode(),
        alarm=None if raised is None else alarm.decode(raised.encode()),
    )
