"""What goes out to sites: the hub's sending half, in the wire's thread.

    say (signed, on disk) -> post to each site's own subject -> the server has it on disk

Whoever is asked is asked again when the server has no task for it any more and no answer
came. A model that is too large to travel with its task lies in the hub's bucket while any
open question is about it. What comes back is arrivals.py's business.
"""

import asyncio
import mmap
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.artifact.envelope import Kind, digest
from modelward.artifact.store import Store
from modelward.core.canonical import Json
from modelward.core.clock import now
from modelward.core.task import Task
from modelward.engines.jetstream.at_hub.unread import Unread
from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.lines import objects
from modelward.engines.jetstream.lines.line import Line, Rejected
from modelward.engines.jetstream.lines.pieces import Pieces
from modelward.engines.jetstream.messages.book import Book
from modelward.engines.jetstream.messages.parcel import INLINE, pack
from modelward.engines.jetstream.messages.questions import Question, Questions
from modelward.engines.jetstream.messages.task_message import body_of

STILL_S = 5.0
"""Seconds after which is looked whether the site that is written to is still a member."""

ASK_AGAIN_S = 15.0
"""How often it is checked that a site that has not answered still has its task."""


class Departures:
    """Sends messages and tasks.

    Args:
        line: The hub's connection.
        book: Signs and keeps what the hub says.
        models: Where the models lie that it asks about.
        sites: The members' signing keys; looked up anew for each message.
        questions: What is being asked.
        journal: Is told what happens.

    Attributes:
        clock: The time.
        unread: Tasks that nobody fetched; those of closed rounds are deleted.
    """

    def __init__(
        self,
        line: Line,
        book: Book,
        models: Store,
        sites: Mapping[str, Ed25519PublicKey],
        questions: Questions,
        journal: Journal,
    ) -> None:
        self._line, self._book, self._models = line, book, models
        self._sites, self._questions, self._journal = sites, questions, journal
        self._in_order = asyncio.Lock()
        self.unread = Unread(line, questions, journal)
        self.clock: Callable[[], datetime] = now

    async def ask(self, question: Question, sites: Collection[str], again: int = 0) -> None:
        """Send a task to `sites`.

        Args:
            question: What is asked.
            sites: Who is asked.
            again: How often they were asked before.
        """
        task = question.task
        attached = await self._attach(task)
        body = body_of(task)
        async with self._in_order:
            message = await self._say("task", task.study, task.round_no, body)
            named = f"{digest(message)}:{again}"
            numbers = await self._post_to(sorted(sites), pack(message, attached), named)
        self.unread.note(question, numbers)
        await self.unread.delete_closed(task.study)

    async def ask_again(self, question: Question) -> None:
        """Ask sites that are missing and have lost their task, for ever."""
        for again in count(1):
            await asyncio.sleep(ASK_AGAIN_S)
            sites = [s for s in sorted(question.missing) if not await self._waiting(s)]
            for site in sites:
                self._journal("asked-again", site=site, round=question.task.round_no)
            if sites:
                await self.ask(question, sites, again)

    async def tell(
        self,
        sites: Sequence[str],
        kind: Kind,
        study: str,
        round_no: int,
        body: Mapping[str, Json],
    ) -> None:
        """Send a signed message to `sites`; it waits on the server for who is not there."""
        async with self._in_order:
            letter = await self._say(kind, study, round_no, body)
            await self._post_to(sites, letter, digest(letter))

    async def _say(
        self, kind: Kind, study: str, round_no: int, body: Mapping[str, Json]
    ) -> bytes:
        return await asyncio.to_thread(
            self._book.say, kind, study=study, round_no=round_no, body=body, now=self.clock()
        )

    async def _post_to(
        self, sites: Sequence[str], payload: bytes, named: str
    ) -> dict[str, int]:
        """Return site -> number of its message in the stream."""
        made = await asyncio.gather(*(self.post(site, payload, named) for site in sites))
        return {s: number for s, number in zip(sites, made, strict=True) if number is not None}

    async def post(self, site: str, payload: bytes, named: str) -> int | None:
        """Repeat until the server has it, or until the site is no member any more.

        Returns:
            Number of the message in the stream; None if nobody takes it.
        """
        marked = {"Nats-Msg-Id": f"{named}:{site}"}
        while site in self._sites:
            try:
                async with asyncio.timeout(STILL_S):
                    stored = await self._line.call(f"fl.task.{site}", payload, marked)
            except TimeoutError:
                continue  # nobody takes what is for a site that was removed meanwhile
            except Rejected as rejected:
                self._journal("task-waits", site=site, said=rejected.text)
                await asyncio.sleep(1)
            else:
                return int(stored["seq"])
        return None

    async def _waiting(self, site: str) -> bool:
        """Return whether the server holds a task for `site` that it has not acknowledged."""
        try:
            info = await self._line.call(f"$JS.API.CONSUMER.INFO.TASKS.{site}", b"")
        except Rejected:
            return True  # it was removed: nothing can be sent to it
        return bool(info["num_pending"] or info["num_ack_pending"])

    async def _attach(self, task: Task) -> bytes | None:
        """Return the bundle to send along, or None if there is none or it is in the bucket."""
        wanted = task.brings
        if wanted is None:
            return None
        path = self._models.path(wanted)
        if path.stat().st_size <= INLINE:
            return path.read_bytes()
        parts = await asyncio.to_thread(_mapped, path)
        await objects.put(self._line, "hub", wanted, parts)
        needed = {*self._questions.models(), wanted}
        for old in await objects.names(self._line, "hub") - needed:
            await objects.purge(self._line, "hub", old)
        return None


def _mapped(path: Path) -> Pieces:
    with path.open("rb") as stream:
        return Pieces([memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))])
