"""What is remembered of one study's messages, so that each is known when it comes again.

Built from the lines of the study's file (book.py) and kept in step with what is appended:
sequences of every sender, what we said last, and which message answers which task. What
belongs to rounds before the one being asked is dropped from memory; the file keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Self

from modelward.artifact.envelope import digest
from modelward.core.canonical import canonical_hash, parse_strict
from modelward.ledger.appendfile import AppendFile

Words = tuple[str, int, str]
"""Kind, round, and SHA-256 of the body."""


REMEMBERED = 64
"""Sequences of one sender whose messages are known again; older ones are replays."""


@dataclass(slots=True)
class Remembered:
    """What is known of one study's messages.

    Attributes:
        file: Where they lie.
        lost: Whether the disk did not take something that is remembered here.
        seen: Sender -> sequence -> digest.
        last: What we said last: its kind, round and hash of the body, and the message.
        proposed: Largest sequence of a proposal.
        answers: (task id, site) -> round, and the last message that answers it, by sequence.
        artifacts: (site, hash of a released artifact) -> its last round.
    """

    file: AppendFile
    lost: bool = False
    seen: dict[str, dict[int, str]] = field(default_factory=dict)
    last: tuple["Words", bytes] | None = None
    proposed: int = 0
    answers: dict[tuple[str, str], tuple[int, int, bytes]] = field(default_factory=dict)
    artifacts: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """A message, its fields, and what it is remembered by."""

    raw: bytes
    said: Mapping[str, Any]
    digest: str

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """Return the message in a line."""
        return cls(raw, parse_strict(raw, what="message"), digest(raw))

    def is_in(self, book: Remembered) -> bool:
        """Return whether these very bytes are in `book`."""
        seen = book.seen.get(self.said["sender"], {})
        return seen.get(self.said["sequence"]) == self.digest


def load(book: Remembered, party: str) -> None:
    """Remember what is in the file of `book`; a line that a crash cut short is dropped."""
    whole = 0
    for line in book.file.lines():
        if not line.endswith(b"\n"):
            break
        index(book, Read.of(line[:-1]), party)
        whole += len(line)
    if whole < book.file.size:
        book.file.cut(whole)


def index(book: Remembered, read: Read, party: str) -> None:
    """Remember a message of our own file; its signature was checked when it came."""
    said = read.said
    seen = book.seen.setdefault(said["sender"], {})
    seen[said["sequence"]] = read.digest
    if len(seen) > REMEMBERED:
        del seen[min(seen)]
    task = said["body"].get("task")
    if said["sender"] == party:
        words = (said["kind"], said["round"], canonical_hash(said["body"]))
        book.last = (words, read.raw)
    if said["kind"] == "proposal":
        book.proposed = max(book.proposed, said["sequence"])
    if said["kind"] == "answer" and isinstance(task, str):
        answer = said["round"], said["sequence"], read.raw
        known = book.answers.get((task, said["sender"]), answer)
        book.answers[task, said["sender"]] = max(known, answer, key=itemgetter(1))
        if said["body"]["card"] is not None:
            book.artifacts[said["sender"], said["body"]["card"]["sha256"]] = said["round"]
