"""The hub's end of the wire: the engine that asks sites over JetStream.

    ask: known answers first -> the rest is sent the task -> answers as they are stored

An answer is acknowledged when it is on the hub's disk, message and artifact; so a hub that
is killed finds it there, and whoever is asked the same again sends the same bytes again.
The network lives in a thread of its own; `ask` is an ordinary generator. What is older
than the round being asked is forgotten, here and on the server.

Taking in what sites send is arrivals.py's business.
"""

import asyncio
import mmap
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
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
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal
from modelward.engines.jetstream import objects
from modelward.engines.jetstream.arrivals import Arrivals
from modelward.engines.jetstream.book import Book
from modelward.engines.jetstream.identity import Identity
from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.line import Line, Rejected
from modelward.engines.jetstream.objects import Pieces
from modelward.engines.jetstream.parcel import INLINE, pack
from modelward.engines.jetstream.presence import Presence
from modelward.engines.jetstream.questions import Question, Questions
from modelward.engines.jetstream.received import Received
from modelward.engines.jetstream.site_end import now
from modelward.engines.jetstream.task_message import body_of
from modelward.errors import EngineFailed, ModelwardError

T = TypeVar("T")

STILL_S = 5.0
"""Seconds after which is looked whether the site that is written to is still a member."""

ASK_AGAIN_S = 15.0
"""How often it is checked that a site that has not answered still has its task."""

LOOK_S = 0.5
"""How often a question is held against `may_go_on`, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What has gone over the wire, in payload bytes.

    Attributes:
        up: From sites to the hub.
        down: From the hub to sites.
    """

    up: int
    down: int


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
        self._models = Store(models)
        self._received = Received(folder / "inbox", self._book, sites)
        self._questions = Questions()
        self.presence = Presence("hub", sites, folder / "health.json", journal)
        self._in_order = asyncio.Lock()
        self.clock: Callable[[], datetime] = now
        self.may_go_on: Callable[[str], bool] = lambda _: True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self._line = self._call(Line.dial(identity, journal, patience_s=30)).result()
        self.arrivals = Arrivals(
            self._line, self._received, self._questions, journal, self.clock
        )
        self._serving: list[Future[None]] = [self._call(self.presence.announce(self._line))]

    def open(self) -> Self:
        """Take in what sites send from now on; call it when `arrivals` is told whom to tell."""
        self._serving.append(self._call(self.arrivals.serve()))
        return self

    @property
    def traffic(self) -> Traffic:
        """What has gone over the hub's own connection so far."""
        return Traffic(up=self._line.received, down=self._line.sent)

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites`; see `core.ports.Engine`."""
        end = None if deadline_s is None else time.monotonic() + deadline_s
        self._received.forget(task)
        with self._questions.asking(task, sites) as question:  # what comes from now on is heard
            for site in sorted(sites):
                known = self._received.known(task, site, self.clock)
                if known is not None and site in question.missing:
                    question.missing.discard(site)
                    yield known
            if not question.missing:
                return
            sending = self._call(self._send(question))
            try:
                while question.missing:
                    answer = self._await(question, sending, end)
                    if answer is None:
                        return
                    if answer.site in question.missing:
                        question.missing.discard(answer.site)
                        yield answer
            finally:
                sending.cancel()

    def tell(
        self,
        sites: Sequence[str],
        kind: Kind,
        study: str,
        round_no: int,
        body: Mapping[str, Json],
    ) -> None:
        """Send a signed message to `sites`; it waits on the server for who is not there."""
        self._call(self._tell(sites, kind, study, round_no, body)).result()

    def post(self, site: str, message: bytes) -> None:
        """Send a message as it is; it waits for the site if need be."""
        self._call(self._post(site, message, digest(message))).result()

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

    def _call(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _await(
        self, question: Question, sending: "Future[None]", end: float | None
    ) -> Answer | None:
        """Return the next answer, or None when the deadline has passed."""
        while True:
            left = LOOK_S if end is None else min(LOOK_S, end - time.monotonic())
            if left <= 0:
                return None
            try:
                found = question.arrived.get(timeout=left)
            except queue.Empty:
                self._look(question, sending)
                continue
            if isinstance(found, ModelwardError):
                raise found
            return found

    def _look(self, question: Question, sending: "Future[None]") -> None:
        """Raise what ends the asking; a site that was removed meanwhile has refused."""
        if sending.done():
            sending.result()
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

    async def _send(self, question: Question) -> None:
        """Send the task to every site that is missing, and see to it that it stays sent."""
        task = question.task
        attached = await self._attach(task)
        body = body_of(task)
        sites, times = sorted(question.missing), 0
        while True:
            async with self._in_order:
                message = await self._say("task", task.study, task.round_no, body)
                named = f"{digest(message)}:{times}"
                await self._post_to(sites, pack(message, attached), named)
            await asyncio.sleep(ASK_AGAIN_S)
            times += 1
            sites = [s for s in sorted(question.missing) if not await self._waiting(s)]
            for site in sites:
                self._journal("asked-again", site=site, round=task.round_no)

    async def _tell(
        self,
        sites: Sequence[str],
        kind: Kind,
        study: str,
        round_no: int,
        body: Mapping[str, Json],
    ) -> None:
        async with self._in_order:
            letter = await self._say(kind, study, round_no, body)
            await self._post_to(sites, letter, digest(letter))

    async def _say(
        self, kind: Kind, study: str, round_no: int, body: Mapping[str, Json]
    ) -> bytes:
        return await asyncio.to_thread(
            self._book.say, kind, study=study, round_no=round_no, body=body, now=self.clock()
        )

    async def _post_to(self, sites: Sequence[str], payload: bytes, named: str) -> None:
        await asyncio.gather(*(self._post(site, payload, named) for site in sites))

    async def _post(self, site: str, payload: bytes, named: str) -> None:
        """Repeat until the server has it, or until the site is no member any more."""
        marked = {"Nats-Msg-Id": f"{named}:{site}"}
        while site in self._sites:
            try:
                await asyncio.wait_for(
                    self._line.call(f"fl.task.{site}", payload, marked), STILL_S
                )
            except TimeoutError:
                continue  # nobody takes what is for a site that was removed meanwhile
            except Rejected as rejected:
                self._journal("task-waits", site=site, said=rejected.text)
                await asyncio.sleep(1)
            else:
                return

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
