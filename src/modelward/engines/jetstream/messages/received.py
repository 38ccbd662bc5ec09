"""Answers on the hub's disk: messages in the book, artifacts in a store for each site.

What another site sent is not in a site's store, so a card can only name its own bytes. An
answer is known when its message is here, still valid, and its artifact too.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.artifact import card as cards
from modelward.artifact.envelope import Envelope, unseal
from modelward.artifact.store import Store
from modelward.core.artifact import Artifact, Card
from modelward.core.canonical import canonical_bytes
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.engines.jetstream.messages.book import Book
from modelward.errors import MessageRefused

DECISIONS = frozenset({"released", "refused", "failed"})
"""What an answer can say; `failed` means that the site could not compute it."""


class Received:
    """What sites have answered.

    Args:
        folder: Holds one store a study and site.
        book: Every message.
        sites: The members' signing keys; looked up anew for each message.
    """

    def __init__(self, folder: Path, book: Book, sites: Mapping[str, Ed25519PublicKey]) -> None:
        self._folder, self._sites = folder, sites
        self.book = book
        self._stores: dict[tuple[str, str], Store] = {}
        self._round_of: dict[str, int] = {}

    def read(self, raw: bytes, site: str, now: datetime) -> Envelope:
        """Return what a message says, if it is from `site` and still valid.

        Raises:
            MessageRefused: If it is not.
        """
        key = self._sites.get(site)
        return unseal(raw, {site: key} if key is not None else {}, now=now)

    def is_member(self, site: str) -> bool:
        """Return whether `site` has access."""
        return site in self._sites

    def known(self, task: Task, site: str, clock: Callable[[], datetime]) -> Answer | None:
        """Return the stored answer of `site` to `task`; None if it is to be asked (again)."""
        raw = self.book.answer(task.study, task.id, site)
        if raw is None:
            return None
        try:
            envelope = self.read(raw, site, clock())
        except MessageRefused:
            return None  # too old by now
        _, entry = answer_of(envelope)
        if envelope.body["decision"] == "failed":
            return None  # it may succeed another time
        return self.stored(task, site, entry)

    def stored(self, task: Task, site: str, entry: Card | None) -> Answer | None:
        """Return the answer that says `entry`; None if its artifact is not on disk."""
        if entry is None:
            return Refusal(site, task.id)
        if not self.path(entry).exists():
            return None
        tensors = self._store_of(task.study, site).tensors(entry.sha256)
        return Release(site, task.id, Artifact(entry, tensors))

    def path(self, entry: Card) -> Path:
        """Return where the artifact of a card lies, or is to lie."""
        return self._store_of(entry.study, entry.site).path(entry.sha256)

    def forget(self, task: Task) -> None:
        """Delete the artifacts of rounds before that of `task`, which are committed."""
        if self._round_of.get(task.study, -1) >= task.round_no:
            return
        self._round_of[task.study] = task.round_no
        for site, sha256 in self.book.forget(task.study, task.round_no):
            self._store_of(task.study, site).path(sha256).unlink(missing_ok=True)

    def _store_of(self, study: str, site: str) -> Store:
        if (study, site) not in self._stores:
            self._stores[study, site] = Store(self._folder / study / site)
        return self._stores[study, site]


def answer_of(envelope: Envelope) -> tuple[str, Card | None]:
    """Return the task's id and the card, if there is one, of an answer message.

    Raises:
        MessageRefused: If the body is not that of an answer, or of another task or site.
        BadArtifact: If its card is not one.
    """
    body = dict(envelope.body)
    task, decision, fields = (body.pop(name, None) for name in ("task", "decision", "card"))
    proper = not body and isinstance(task, str) and decision in DECISIONS
    if not proper or (decision == "released") != (fields is not None):
        raise _refuse(envelope, "does not hold an answer")
    if fields is None:
        return str(task), None
    entry = cards.from_json(canonical_bytes(fields))
    bound = (entry.task, entry.site, entry.study, entry.round_no)
    if bound != (task, envelope.sender, envelope.study, envelope.round_no):
        raise _refuse(envelope, "carries the card of another task, site or study")
    return str(task), entry


def _refuse(envelope: Envelope, found: str) -> MessageRefused:
    return MessageRefused(
        f"a message of {envelope.sender} {found}",
        why="an answer counts for the task that it was signed for, once",
        remedy="check that hub and site run versions that fit together",
    )
