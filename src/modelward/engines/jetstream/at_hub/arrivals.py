"""What sites send, taken in: the hub's receiving half, in the wire's thread.

    pull -> signature, time, sequence -> message and artifact on disk -> given, acknowledged

A message is in the book in the order in which messages came, and on disk before it is given
or acknowledged: then one that comes again, after a crash or because its time had not come,
is known, and is not taken for a replay. Several that come together are synced together. An
answer to a closed question is kept in the book and not used. What is no answer is dealt with
once: a checkpoint that a slow hub is sent again, behind a later one, would look like that of
a ledger that was put back.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from nats.aio.msg import Msg

from modelward import durable
from modelward.artifact.envelope import Envelope
from modelward.core.artifact import Card
from modelward.core.verdict import Refusal
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.lines import objects
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.lines.pull import pull
from modelward.engines.jetstream.messages.parcel import (
    LARGEST,
    being_worked_on,
    check_attached,
    unpack,
)
from modelward.engines.jetstream.messages.questions import Question, Questions
from modelward.engines.jetstream.messages.received import Received, answer_of
from modelward.errors import ModelwardError, StorageError

AT_ONCE = 8
"""Messages that are worked on at the same time."""

LONGEST_PAUSE_S = 60.0
"""Longest wait until a message whose time has not come is looked at again."""


class Arrivals:
    """Takes in messages until it is cancelled.

    Args:
        line: The hub's connection.
        received: Where they go.
        questions: What is being asked.
        journal: Is told what happens.
        clock: The time.

    Attributes:
        on_message: Is given every message that is not an answer, and returns whether its time
            has come; it may refuse by raising.
        is_over: Whether the round of an answer has been committed.
    """

    def __init__(
        self,
        line: Line,
        received: Received,
        questions: Questions,
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._line, self._received, self._questions = line, received, questions
        self._journal, self._clock = journal, clock
        self._places = asyncio.Semaphore(AT_ONCE)
        self._in_order = asyncio.Lock()
        self._work: set[asyncio.Task[None]] = set()
        self.on_message: Callable[[bytes, Envelope], bool] = self._unexpected
        self.is_over: Callable[[Envelope], bool] = lambda _: False

    async def serve(self) -> None:
        """Pull messages and work on several at once."""
        async for message in pull(self._line, "ANS", "hub", batch=64):
            await self._places.acquire()
            work = asyncio.create_task(self._take(message))
            self._work.add(work)
            work.add_done_callback(self._done)

    def cancel(self) -> None:
        """Give up what is being worked on; it was not acknowledged and comes again."""
        for work in list(self._work):
            work.cancel()

    def _done(self, work: "asyncio.Task[None]") -> None:
        self._work.discard(work)
        self._places.release()
        if not work.cancelled() and (error := work.exception()) is not None:
            self._journal("answer-lost", error=type(error).__name__)
            if isinstance(error, ModelwardError):
                self._questions.fail(error)

    async def _take(self, message: Msg) -> None:
        """Store one message from a site and acknowledge it, or have it come again later."""
        site = message.subject.split(".")[2]
        try:
            async with being_worked_on(message):
                dealt_with = await self._read(site, message.data)
        except StorageError:
            raise  # the hub cannot go on without its disk
        except ModelwardError as error:
            self._journal("message-refused", site=site, said=error.what[:200])
            await message.term()
            return
        if dealt_with:
            await message.ack()
        else:
            tries = message.metadata.num_delivered - 2
            await message.nak(delay=min(2.0**tries, LONGEST_PAUSE_S))

    async def _read(self, site: str, payload: bytes) -> bool:
        """Return whether a message has been dealt with; False if its time has not come."""
        raw, attached = unpack(payload)
        envelope = self._received.read(raw, site, self._clock())
        book = self._received.book
        async with self._in_order:
            again = book.repeats(raw, envelope)
            if envelope.kind != "answer":
                if again:  # dealt with: nobody acknowledged it in time
                    return True
                due = await asyncio.to_thread(self.on_message, raw, envelope)
                if due:
                    await asyncio.to_thread(book.keep, envelope.study, raw)
                return due
            task, entry = answer_of(envelope)
            kept = book.put(envelope.study, raw)
        on_disk = [asyncio.to_thread(kept)]
        question = self._questions.get(task)
        if question is not None and entry is not None:
            on_disk.append(self._store(site, entry, attached))
        await asyncio.gather(*on_disk)
        if question is not None:
            await self._give(site, question, envelope, entry)
        elif self._questions.is_past(task, envelope) or self.is_over(envelope):
            self._journal("answer-late", site=site, round=envelope.round_no)
        else:
            return False
        self._journal("answer", site=site, round=envelope.round_no, again=again)
        if entry is not None and attached is None:
            await objects.purge(self._line, f"up-{site}", entry.sha256)
        return True

    async def _give(
        self, site: str, question: Question, envelope: Envelope, entry: Card | None
    ) -> None:
        """Give an answer to whoever asks for it."""
        if envelope.body["decision"] == "failed":
            self._journal("site-failed", site=site, round=envelope.round_no)
            question.arrived.put(Refusal(site, question.task.id))
            return
        answer = await asyncio.to_thread(self._received.stored, question.task, site, entry)
        if answer is not None:
            question.arrived.put(answer)

    async def _store(self, site: str, entry: Card, attached: bytes | None) -> None:
        """Have the released bytes on disk under their hash."""
        path = await asyncio.to_thread(self._received.path, entry)
        if path.exists():
            return
        if attached is None:
            await objects.get(
                self._line, f"up-{site}", entry.sha256, path, most=min(LARGEST, entry.nbytes)
            )
            return
        check_attached(attached, entry.sha256)
        await asyncio.to_thread(durable.write_whole, path, attached)

    def _unexpected(self, _: bytes, envelope: Envelope) -> bool:
        self._journal("message-ignored", kind=envelope.kind, site=envelope.sender)
        return True
