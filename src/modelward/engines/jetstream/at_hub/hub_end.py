"""The hub's end of the wire: the engine that asks sites over JetStream.

    ask: known answers first -> the rest is sent the task -> answers as they are stored

An answer is acknowledged when it is on the hub's disk, message and artifact; so a hub that
is killed finds it there, and whoever is asked the same again sends the same bytes again.
The network lives in a thread of its own; `ask` is an ordinary generator. What is older
than the round being asked is forgotten, here and on the server.

Sending to sites is departures.py's business, taking in what they send is arrivals.py's.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from modelward.artifact.envelope import Kind, digest
from modelward.artifact.store import Store
from modelward.core.canonical import Json
from modelward.core.clock import now
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal
from modelward.engines.jetstream.at_hub.arrivals import Arrivals
from modelward.engines.jetstream.at_hub.departures import Departures
from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.lines.identity import Identity
from modelward.engines.jetstream.lines.line import Line, Traffic
from modelward.engines.jetstream.lines.presence import Presence
from modelward.engines.jetstream.messages.book import Book
from modelward.engines.jetstream.messages.questions import Question, Questions
from modelward.engines.jetstream.messages.received import Received
from modelward.errors import EngineFailed, ModelwardError

T = TypeVar("T")

LOOK_S = 0.5
"""How often a question is held against `may_go_on`, seconds."""


class JetStream:
    """An engine (core/ports.py) over one hub folder. Close it, or use it in a `with` block.

    Args:
        identity: How the hub dials the server.
        key: The hub's signing key.
        sites: The members' signing keys; looked up anew for each message.
        models: Where the hub stores the models that it asks about.
        folder: Where messages and incoming artifacts are kept.
        journal: Is told what happens.

    Attributes:
        presence: Who is there.
        departures: Sends to sites.
        arrivals: Takes in what sites send.
        may_go_on: Whether a study's questions may be waited for; its SHA-256 is given.
    """

    def __init__(
        self,
        identity: Identity,
        key: Ed25519PrivateKey,
        sites: Mapping[str, Ed25519PublicKey],
        models: Path,
        folder: Path,
        journal: Journal = silent,
    ) -> None:
        self._sites, self._journal = sites, journal
        self._book = Book(folder / "letters", "hub", key)
        self._received = Received(folder / "inbox", self._book, sites)
        self._questions = Questions()
        self.presence = Presence("hub", sites, folder / "health.json", journal)
        self.presence.replays = self._book.replays
        self.clock: Callable[[], datetime] = now
        self.may_go_on: Callable[[str], bool] = lambda _: True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self._line = self._call(Line.dial(identity, journal, patience_s=30)).result()
        self.departures = Departures(
            self._line, self._book, Store(models), sites, self._questions, journal
        )
        self.arrivals = Arrivals(
            self._line, self._received, self._questions, journal, self.clock
        )
        self._ended: BaseException | None = None
        self._serving: list[Future[None]] = []
        self._serve(self.presence.announce(self._line))

    def open(self) -> Self:
        """Take in what sites send from now on; call it when `arrivals` is told whom to tell."""
        self._serve(self.arrivals.serve())
        return self

    def require_serving(self) -> None:
        """Return if the hub still hears its sites and is heard by them.

        Raises:
            EngineFailed: If not, for a reason that is a fault of ours.
        """
        if self._ended is not None:
            raise EngineFailed(
                f"the hub does not hear its sites any more: {self._ended!r}",
                why="what serves them ended, and nobody would be told of a round that waits",
                remedy="start it again: modelward hub up HUB; rounds and answers are kept",
            )

    @property
    def traffic(self) -> Traffic:
        """What has gone over the hub's own connection so far."""
        return Traffic(up=self._line.received, down=self._line.sent)

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites`; see `core.ports.Engine`."""
        end = None if deadline_s is None else time.monotonic() + deadline_s
        with self._questions.asking(task, sites) as question:  # what comes from now on is heard
            for site in sorted(sites):
                known = self._received.known(task, site, self.clock)
                if known is not None and site in question.missing:
                    question.missing.discard(site)
                    yield known
            if not question.missing:
                self._received.forget(task)
                return
            sending = self._call(self._send(question))
            try:
                while question.missing:
                    answer = self._await([question], [sending], end)
                    if answer is None:
                        return
                    if answer.site in question.missing:
                        question.missing.discard(answer.site)
                        yield answer
            finally:
                sending.cancel()

    def gather(
        self, asked: Mapping[str, Task], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask each site its own task; see `core.ports.Unhurried`.

        A question stays open while nobody listens, and is not sent again when it is asked
        again: what comes meanwhile is on disk by then.
        """
        end = None if deadline_s is None else time.monotonic() + deadline_s
        missing = dict(asked)
        standing = self._questions.standing(asked)
        for site, task in sorted(asked.items()):
            known = self._received.known(task, site, self.clock)
            if known is not None:
                del missing[site]
                _of(standing, task).missing.discard(site)
                yield known
        oldest = min(asked.values(), key=lambda task: task.round_no)
        sending = [self._call(self._keep_asking(each, oldest)) for each in standing]
        try:
            while missing:
                answer = self._await(standing, sending, end)
                if answer is None:
                    return
                if answer.site in missing and answer.task == missing[answer.site].id:
                    _of(standing, missing.pop(answer.site)).missing.discard(answer.site)
                    yield answer
        finally:
            for each in sending:
                each.cancel()

    def tell(
        self,
        sites: Sequence[str],
        kind: Kind,
        study: str,
        round_no: int,
        body: Mapping[str, Json],
    ) -> None:
        """Send a signed message to `sites`; it waits on the server for who is not there."""
        self._call(self.departures.tell(sites, kind, study, round_no, body)).result()

    def post(self, site: str, message: bytes) -> None:
        """Send a message as it is; it waits for the site if need be."""
        self._call(self.departures.post(site, message, digest(message))).result()

    def over(self, study: str) -> None:
        """Delete the tasks of a study that is over, which a site never fetched."""
        self._call(self.departures.unread.delete_closed(study)).result()

    def give_certificate(self, site: str, pem: str) -> None:
        """Send a renewed certificate to its site."""
        headers = {"Modelward-Kind": "certificate"}
        self._call(self._line.call(f"fl.task.{site}", pem.encode(), headers)).result()

    def close(self) -> None:
        """Hang up; what was received is on disk."""
        if self._loop.is_closed():
            return
        for serving in self._serving:
            serving.cancel()
        self._call(self._hang_up()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._book.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _serve(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something served for as long as the wire is open."""
        serving = self._call(work)
        self._serving.append(serving)
        serving.add_done_callback(self._note_end)

    def _note_end(self, serving: "Future[None]") -> None:
        """Remember what ended before it was told to."""
        if not serving.cancelled():
            self._ended = serving.exception()

    def _call(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _send(self, question: Question) -> None:
        """Ask, forget earlier rounds while sites work, and see to it that it stays asked."""
        await self.departures.ask(question, question.missing)
        await asyncio.to_thread(self._received.forget, question.task)
        await self.departures.ask_again(question)

    async def _keep_asking(self, question: Question, oldest: Task) -> None:
        """Ask who was not asked, forget what is older, and see to it that it stays asked."""
        new = question.missing - question.sent
        if new:
            await self.departures.ask(question, new)
            question.sent |= new
        await asyncio.to_thread(self._received.forget, oldest)
        await self.departures.ask_again(question)

    def _await(
        self, asked: Sequence[Question], sending: Sequence["Future[None]"], end: float | None
    ) -> Answer | None:
        """Return the next answer to questions with one queue; None after the deadline."""
        while True:
            left = LOOK_S if end is None else min(LOOK_S, end - time.monotonic())
            if left <= 0:
                return None
            try:
                found = asked[0].arrived.get(timeout=left)
            except queue.Empty:
                for each in sending:
                    if each.done():
                        each.result()
                for question in asked:
                    self._look(question)
                continue
            if isinstance(found, ModelwardError):
                raise found
            return found

    def _look(self, question: Question) -> None:
        """Raise what ends the asking; a site that was removed meanwhile has refused."""
        task = question.task
        if not self.may_go_on(task.study):
            raise EngineFailed(
                f"round {task.round_no} was interrupted, waiting for "
                f"{', '.join(sorted(question.missing))}",
                why="the study was paused or stopped, or the hub is going down",
                remedy="start it again; the round is asked again, and answers are kept",
            )
        for site in sorted(question.missing - set(self._sites)):
            question.arrived.put(Refusal(site, task.id))

    async def _hang_up(self) -> None:
        self.arrivals.cancel()
        await self._line.close()
        for work in asyncio.all_tasks() - {asyncio.current_task()}:
            work.cancel()
        await asyncio.sleep(0)


def _of(questions: Sequence[Question], task: Task) -> Question:
    return next(each for each in questions if each.task.id == task.id)
