"""The signed messages of each study, sent and received, in the order they came: on disk.

    letters/<study>.jsonl     one message a line, exactly as it was signed
    letters/count-from        after a restore: the number that own messages count on from

It is what makes repetition harmless. A message that was sent is sent again with the same
bytes; one that was received is known again, and a replay under its sequence is refused; one
that comes late and was not seen is new
(artifact/envelope.py has the rule). A line that a crash cut short was never acknowledged
and is dropped. Messages are small; artifacts are elsewhere. What is remembered of a study's
messages while the process lives is remembered.py's, who is refused as a replay replayed.py's.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.artifact.envelope import Envelope, Kind, repeats, seal, unseal
from modelward.core.canonical import Json, canonical_hash
from modelward.durable import make_folder
from modelward.engines.jetstream.messages.count_from import count_from
from modelward.engines.jetstream.messages.remembered import (
    REMEMBERED,
    Read,
    Remembered,
    index,
    load,
)
from modelward.engines.jetstream.messages.replayed import Replayed
from modelward.errors import MessageRefused, StorageError
from modelward.ledger.appendfile import AppendFile

VALID = timedelta(days=14)
"""How long a message can be used: a site may be offline for days."""


MAIL: Kind = "witness"
"""Kind of mail between witnesses (ledger/mail.py)."""


class Book:
    """The messages of one party. Threads take turns.

    Args:
        folder: Where the files lie; created if it is missing.
        party: Whose book it is: `hub`, or a site's name.
        key: Signs what the party says.
    """

    def __init__(self, folder: Path, party: str, key: Ed25519PrivateKey) -> None:
        make_folder(folder)
        self._folder, self._party, self._key = folder, party, key
        self.public = key.public_key()
        self._studies: dict[str, Remembered] = {}
        self._replayed = Replayed(folder)
        self._least = count_from(folder)
        self._lock = threading.RLock()

    def write(
        self,
        kind: Kind,
        *,
        study: str,
        round_no: int,
        body: Mapping[str, Json],
        now: datetime,
    ) -> bytes:
        """Return a signed message with the next sequence; it is not kept before `keep`."""
        with self._lock:
            sent = self._of(study).seen.get(self._party, {})
            envelope = Envelope(
                kind=kind,
                study=study,
                round_no=round_no,
                sender=self._party,
                sequence=max(max(sent, default=0) + 1, self._least),
                issued=now,
                expires=now + VALID,
                body=body,
            )
            return seal(envelope, self._key)

    def say(
        self,
        kind: Kind,
        *,
        study: str,
        round_no: int,
        body: Mapping[str, Json],
        now: datetime,
        after: bytes | None = None,
    ) -> bytes:
        """Return a signed message that is on disk, to be sent before anything else is said.

        What was said last, and is still valid, is said again with the same bytes. What was
        said earlier gets a new sequence: nobody knows whether the first one arrived before
        those that followed it, or would be older than the receiver remembers. Mail between
        witnesses is never repeated: after a restart the same words ask anew, and want an
        answer.

        Args:
            kind: What it is.
            study: SHA-256 of its study.
            round_no: Its round.
            body: What it says.
            now: The time.
            after: A message that it follows, kept before it.

        Raises:
            StorageError: If it cannot be written; then it must not be sent.
        """
        with self._lock:
            last, words = self._of(study).last, (kind, round_no, canonical_hash(body))
            said = last[1] if last is not None and last[0] == words else None
            if said is None or kind == MAIL or not self._valid(said, now):
                said = self.write(kind, study=study, round_no=round_no, body=body, now=now)
            on_disk = self.put(study, *(() if after is None else (after,)), said)
        on_disk()
        return said

    def keep(self, study: str, *messages: bytes) -> None:
        """Put messages on disk, in this order; those that are here already are passed over.

        Raises:
            StorageError: If they cannot be written; then none is kept.
        """
        self.put(study, *messages)()

    def put(self, study: str, *messages: bytes) -> Callable[[], None]:
        """Keep messages, in this order; those that are here already are passed over.

        Returns:
            What waits until they are on disk; several waiters have one sync between them.
            It raises StorageError if the disk did not take them: then none is kept.

        Raises:
            StorageError: If they cannot be written; then none is kept.
        """
        with self._lock:
            book = self._of(study)
            new = [each for each in map(Read.of, messages) if not each.is_in(book)]
            if new:
                with self._whole(study, book):
                    book.file.write(b"".join(each.raw + b"\n" for each in new))
            for each in new:
                index(book, each, self._party)
        return partial(self._sync, study, book)

    def _sync(self, study: str, book: Remembered) -> None:
        with self._whole(study, book):
            book.file.sync()

    @contextmanager
    def _whole(self, study: str, book: Remembered) -> Iterator[None]:
        """Forget what is remembered of a study whose file took something back."""
        if book.lost:
            raise StorageError(
                f"{book.file.path} did not take a message",
                why="a message counts only when it is on disk",
                remedy="free space on that disk; what was not kept comes again",
            )
        try:
            yield
        except StorageError:
            with self._lock:
                book.lost = True
                book.file.close()
                if self._studies.get(study) is book:
                    del self._studies[study]  # it is read again from what is on disk
            raise

    def repeats(self, raw: bytes, envelope: Envelope) -> bool:
        """Return whether these very bytes were kept before.

        What was not seen may come late, as what a killed party had in hand does: whether it
        is still of use is for its reader, who knows its round or number.

        Raises:
            MessageRefused: For a replay: a sequence older than is remembered, or a known one
                with other bytes; or for a proposal that a later one has replaced.
        """
        with self._lock:
            book = self._of(envelope.study)
            seen = book.seen.get(envelope.sender, {})
            forgotten = min(seen) if len(seen) >= REMEMBERED else 0
            try:
                again = repeats(raw, envelope, seen, forgotten=forgotten)
            except MessageRefused:
                self._replayed.note(envelope.sender, envelope.study)
                raise
            if not again:
                self._replayed.taken(envelope, self._studies)
            if envelope.kind == "proposal" and not again:
                _require_newest(envelope, book.proposed)
            return again

    def replays(self) -> set[str]:
        """Return whose last message in some study was refused as a replay.

        What is new to us is signed by its sender, so numbers that it has used before mean
        that it does not know of them: its folder was restored, and it did not say so.
        """
        with self._lock:
            return self._replayed.senders()

    def answer(self, study: str, task: str, site: str) -> bytes | None:
        """Return the message in which `site` answers `task`, or None."""
        with self._lock:
            return self._of(study).answers.get((task, site), (0, 0, None))[2]

    def forget(self, study: str, round_no: int) -> list[tuple[str, str]]:
        """Drop from memory what belongs to rounds before `round_no`; the file keeps it.

        Returns:
            Site and hash of each artifact that was released before, each only once.
        """
        with self._lock:
            book = self._of(study)
            book.answers = {k: v for k, v in book.answers.items() if v[0] >= round_no}
            artifacts = book.artifacts
            old = [each for each, last in artifacts.items() if last < round_no]
            for each in old:
                del artifacts[each]
            return old

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for book in self._studies.values():
                book.file.close()
            self._studies.clear()

    def _of(self, study: str) -> Remembered:
        if study not in self._studies:
            try:
                book = Remembered(AppendFile(self._folder / f"{study}.jsonl"))
            except OSError as error:
                raise StorageError(
                    f"{self._folder} cannot be written: {error.strerror}",
                    why="a message counts only when it is on disk",
                    remedy="check that the folder exists, is writable and has space",
                ) from error
            self._studies[study] = book
            load(book, self._party)
        return self._studies[study]

    def _valid(self, raw: bytes, now: datetime) -> bool:
        try:
            unseal(raw, {self._party: self.public}, now=now)
        except MessageRefused:
            return False
        return True


def _require_newest(envelope: Envelope, proposed: int) -> None:
    """Raise MessageRefused if the study was proposed anew since this proposal was written."""
    if envelope.sequence < proposed:
        raise MessageRefused(
            f"the proposal with sequence {envelope.sequence} was replaced by {proposed}",
            why="people decide about a study and its sites as they were proposed last",
            remedy="nothing; the later proposal is here",
        )
