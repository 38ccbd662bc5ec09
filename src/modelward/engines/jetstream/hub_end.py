"""The hub's end of the wire: the engine that asks sites over JetStream.

    ask: known answers first -> the rest is sent the task -> answers as they are stored

An answer is acknowledged when it is on the hub's disk, message and artifact; so a hub that
is killed finds it there, and whoever is asked the same again sends the same bytes again.
The network lives in a thread of its own; `ask` is an ordinary generator.

An answer to a question that is closed is kept in the book and not used. What is older
than the round being asked is forgotten, here and on the server.
"""

import asyncio
import mmap
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from nats.aio.msg import Msg

from modelward import durable
from modelward.artifact import card as cards
from modelward.artifact.envelope import Envelope, digest, unseal
from modelward.artifact.store import Store
from modelward.core.artifact import Artifact, Card
from modelward.core.canonical import canonical_bytes
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.engines.jetstream import objects
from modelward.engines.jetstream.book import Book
from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.line import Identity, Line, Rejected
from modelward.engines.jetstream.objects import Pieces
from modelward.engines.jetstream.parcel import (
    INLINE,
    LARGEST,
    being_worked_on,
    check_attached,
    pack,
    unpack,
)
from modelward.engines.jetstream.presence import Presence
from modelward.engines.jetstream.site_end import now
from modelward.errors import BadArtifact, MessageRefused, ModelwardError

T = TypeVar("T")

AT_ONCE = 8
"""Answers that are fetched and stored at the same time."""

DECISIONS = frozenset({"released", "refused", "failed"})
"""What an answer can say; `failed` means that the site could not compute it."""

ASK_AGAIN_S = 15.0
"""How often it is checked that a site that has not answered still has its task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What has gone over the wire, in payload bytes.

    Attributes:
        up: From sites to the hub.
        down: From the hub to sites.
    """

    up: int
    down: int


@dataclass(slots=True)
class _Question:
    """A task that is being asked.

    Attributes:
        task: The task.
        missing: Sites whose answer has not been given to the asker.
        arrived: Answers, or an error that ends the asking.
    """

    task: Task
    missing: set[str]
    arrived: "queue.SimpleQueue[Answer | ModelwardError]" = field(
        default_factory=queue.SimpleQueue
    )


class JetStream:
    """An engine (core/ports.py) over one hub folder. Close it, or use it in a `with` block.

    Args:
        identity: How the hub dials the server.
        key: The hub's signing key.
        sites: The members' signing keys; looked up anew for each message.
        models: Where the hub stores the models that it asks about.
        folder: Where messages and incoming artifacts are kept.
        journal: Is told what happens.
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
        self._identity, self._sites, self._journal = identity, sites, journal
        self._book = Book(folder / "letters", "hub", key)
        self._models, self._inbox = Store(models), folder / "inbox"
        self._stores: dict[tuple[str, str], Store] = {}
        self._open: dict[str, _Question] = {}
        self._closed: set[str] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._work: set[asyncio.Task[None]] = set()
        self.presence = Presence("hub", list(sites), folder / "health.json", journal)
        self.on_message: Callable[[bytes, Envelope], None] = self._unexpected
        self.clock: Callable[[], datetime] = now
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self._line = self._call(Line.dial(identity, journal, patience_s=30)).result()
        self._serving = self._call(self._serve())

    @property
    def traffic(self) -> Traffic:
        """What has gone over the hub's own connection so far."""
        return Traffic(up=self._line.received, down=self._line.sent)

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites`; see `core.ports.Engine`."""
        end = None if deadline_s is None else time.monotonic() + deadline_s
        self._forget(task)
        question = _Question(task, set(sites))
        self._closed.discard(task.id)
        self._open[task.id] = question  # before looking: what is stored from now on arrives
        sending: Future[None] | None = None
        try:
            for site in sorted(sites):
                known = self._known(task, site)
                if known is not None and site in question.missing:
                    question.missing.discard(site)
                    yield known
            if question.missing:
                sending = self._call(self._send(question))
            while sending is not None and question.missing:
                answer = self._await(question, sending, end)
                if answer is None:
                    return
                if answer.site in question.missing:
                    question.missing.discard(answer.site)
                    yield answer
        finally:
            if sending is not None:
                sending.cancel()
            self._open.pop(task.id, None)
            self._closed.add(task.id)

    def post(self, site: str, message: bytes) -> None:
        """Send a signed message other than a task; it waits for the site if need be."""
        self._call(self._post(site, message, digest(message))).result()

    def give_certificate(self, site: str, pem: str) -> None:
        """Send a renewed certificate to its site."""
        headers = {"Modelward-Kind": "certificate"}
        self._call(self._line.call(f"fl.task.{site}", pem.encode(), headers)).result()

    def close(self) -> None:
        """Hang up; what was received is on disk."""
        if self._loop.is_closed():
            return
        self._serving.cancel()
        self._call(self._hang_up()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._book.close()

    def __enter__(self) -> Self:
        return self

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
        self, question: _Question, sending: "Future[None]", end: float | None
    ) -> Answer | None:
        """Return the next answer, or None when the deadline has passed."""
        while True:
            left = 1.0 if end is None else min(1.0, end - time.monotonic())
            if left <= 0:
                return None
            try:
                found = question.arrived.get(timeout=left)
            except queue.Empty:
                if sending.done():
                    sending.result()
                continue
            if isinstance(found, ModelwardError):
                raise found
            return found

    async def _serve(self) -> None:
        announcing = asyncio.create_task(self.presence.announce(self._line))
        try:
            async for message in self._line.pull("ANS", "hub", batch=64):
                await self._places.acquire()
                work = asyncio.create_task(self._take(message))
                self._work.add(work)
                work.add_done_callback(self._done)
        finally:
            announcing.cancel()

    def _done(self, work: "asyncio.Task[None]") -> None:
        self._work.discard(work)
        self._places.release()
        if not work.cancelled() and (error := work.exception()) is not None:
            self._journal("answer-lost", error=type(error).__name__)
            if isinstance(error, ModelwardError):
                for question in self._open.values():
                    question.arrived.put(error)

    async def _hang_up(self) -> None:
        for work in list(self._work):
            work.cancel()
        await self._line.close()
        for work in asyncio.all_tasks() - {asyncio.current_task()}:
            work.cancel()
        await asyncio.sleep(0)

    async def _send(self, question: _Question) -> None:
        """Send the task to every site that is missing, and see to it that it stays sent."""
        task = question.task
        message = await asyncio.to_thread(self._letter, task)
        attached = await self._attach(task)
        payload = pack(message, attached)
        named = digest(message)
        await asyncio.gather(
            *(self._post(site, payload, named) for site in sorted(question.missing))
        )
        times = 0
        while True:
            await asyncio.sleep(ASK_AGAIN_S)
            times += 1
            for site in sorted(question.missing):
                if not await self._waiting(site):
                    self._journal("asked-again", site=site, round=task.round_no)
                    await self._post(site, payload, f"{named}:{times}")

    async def _post(self, site: str, payload: bytes, named: str) -> None:
        while True:
            try:
                await self._line.call(
                    f"fl.task.{site}", payload, {"Nats-Msg-Id": f"{named}:{site}"}
                )
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

    def _letter(self, task: Task) -> bytes:
        """Return the message that asks `task`: the one sent before, while it is valid."""
        before = self._book.task(task.study, task.id)
        if before is not None:
            try:
                unseal(before, {"hub": self._book.public}, now=self.clock())
            except MessageRefused:
                self._journal("task-expired", round=task.round_no)
            else:
                return before
        message = self._book.write(
            "task",
            study=task.study,
            round_no=task.round_no,
            body={"kind": task.kind, "model": task.model},
            now=self.clock(),
        )
        self._book.keep(task.study, message)
        return message

    async def _attach(self, task: Task) -> bytes | None:
        """Return the model to send along, or None when there is none or it is in the bucket."""
        if task.model is None:
            return None
        path = self._models.path(task.model)
        if path.stat().st_size <= INLINE:
            return path.read_bytes()
        parts = await asyncio.to_thread(_mapped, path)
        await objects.put(self._line, "hub", task.model, parts)
        asked = {question.task.model for question in self._open.values()}
        for old in await objects.names(self._line, "hub") - {*asked, task.model}:
            await objects.purge(self._line, "hub", old)
        return None

    async def _take(self, message: Msg) -> None:
        """Store one message from a site and acknowledge it, or have it come again later."""
        site = message.subject.split(".")[2]
        try:
            async with being_worked_on(message):
                known = await self._read(site, message.data)
        except (MessageRefused, BadArtifact) as error:
            self._journal("message-refused", site=site, said=error.what[:200])
            await message.term()
            return
        if known:
            await message.ack()
        else:
            await message.nak(delay=min(2.0 ** (message.metadata.num_delivered - 2), 60.0))

    async def _read(self, site: str, payload: bytes) -> bool:
        """Return whether a message has been dealt with; False if its time has not come."""
        raw, attached = unpack(payload)
        key = self._sites.get(site)
        envelope = unseal(raw, {site: key} if key is not None else {}, now=self.clock())
        again = self._book.repeats(raw, envelope)
        if envelope.kind != "answer":
            await asyncio.to_thread(self.on_message, raw, envelope)
            self._book.keep(envelope.study, raw)
            return True
        task, entry = _answer_of(envelope)
        question = self._open.get(task)
        if question is None:
            return await self._late(raw, envelope, task, entry)
        if envelope.body["decision"] == "failed":
            question.arrived.put(Refusal(site, task))
            self._journal("site-failed", site=site, round=envelope.round_no)
            return True
        if entry is not None:
            await self._store(site, entry, attached)
        await asyncio.to_thread(self._book.keep, envelope.study, raw)
        answer = await asyncio.to_thread(self._known, question.task, site)
        if answer is not None:
            question.arrived.put(answer)
        self._journal("answer", site=site, round=envelope.round_no, again=again)
        if entry is not None and attached is None:
            await objects.purge(self._line, f"up-{site}", entry.sha256)
        return True

    async def _late(
        self, raw: bytes, envelope: Envelope, task: str, entry: Card | None
    ) -> bool:
        """Record an answer to a question that is closed; False if it may still be asked."""
        past = any(
            question.task.study == envelope.study and question.task.round_no > envelope.round_no
            for question in self._open.values()
        )
        if not past and task not in self._closed:
            return False
        await asyncio.to_thread(self._book.keep, envelope.study, raw)
        question = self._open.get(task)  # asked again meanwhile
        if question is not None and entry is None:
            question.arrived.put(Refusal(envelope.sender, task))
        self._journal("answer-late", site=envelope.sender, round=envelope.round_no)
        if entry is not None:
            await objects.purge(self._line, f"up-{envelope.sender}", entry.sha256)
        return True

    async def _store(self, site: str, entry: Card, attached: bytes | None) -> None:
        """Have the released bytes on disk under their hash."""
        store = await asyncio.to_thread(self._store_of, entry.study, site)
        path = store.path(entry.sha256)
        if path.exists():
            return
        if attached is None:
            await objects.get(
                self._line, f"up-{site}", entry.sha256, path, most=min(LARGEST, entry.nbytes)
            )
            return
        check_attached(attached, entry.sha256)
        await asyncio.to_thread(durable.write_whole, path, attached)

    def _known(self, task: Task, site: str) -> Answer | None:
        """Return the stored answer of `site` to `task`, or None."""
        raw = self._book.answer(task.study, task.id, site)
        if raw is None:
            return None
        key = self._sites.get(site)
        try:
            envelope = unseal(raw, {site: key} if key is not None else {}, now=self.clock())
        except MessageRefused:
            return None  # too old by now: it is asked again
        _, entry = _answer_of(envelope)
        if entry is None:
            return Refusal(site, task.id)
        store = self._store_of(task.study, site)
        if not store.path(entry.sha256).exists():
            return None
        return Release(site, task.id, Artifact(entry, store.tensors(entry.sha256)))

    def _store_of(self, study: str, site: str) -> Store:
        """Return where artifacts of one site lie: what another site sent is not in it."""
        if (study, site) not in self._stores:
            self._stores[study, site] = Store(self._inbox / study / site)
        return self._stores[study, site]

    def _forget(self, task: Task) -> None:
        """Delete the artifacts of rounds that are committed."""
        for site, sha256 in self._book.artifacts_before(task.study, task.round_no):
            self._store_of(task.study, site).path(sha256).unlink(missing_ok=True)

    def _unexpected(self, _: bytes, envelope: Envelope) -> None:
        self._journal("message-ignored", kind=envelope.kind, site=envelope.sender)


def _answer_of(envelope: Envelope) -> tuple[str, Card | None]:
    """Return the task's id and the card, if there is one, of an answer message.

    Raises:
        MessageRefused: If the body is not that of an answer, or of another task or site.
        BadArtifact: If its card is not one.
    """
    body = dict(envelope.body)
    task, decision, fields = (body.pop(name, None) for name in ("task", "decision", "card"))
    proper = (
        not body and isinstance(task, str) and decision in {"released", "refused", "failed"}
    )
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


def _mapped(path: Path) -> Pieces:
    with path.open("rb") as stream:
        return Pieces([memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))])
