"""The site's end of the wire: tasks in, the site's answers out. Dials out, never listens.

    pull a task -> check its signature, time and sequence -> fetch the model -> the site answers
    -> keep question and answer on disk -> send -> acknowledge the task, last of all

A task is acknowledged only when the answer is stored at the hub's server. Whatever is
killed before that, the task comes again, and the site's ledger gives the same bytes again.
What a site computes and whether it may leave are not decided here.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from nats.aio.msg import Msg

from modelward.artifact import bundle
from modelward.artifact import card as cards
from modelward.artifact.envelope import Envelope, unseal
from modelward.artifact.store import Store
from modelward.core.clock import now
from modelward.core.task import Task
from modelward.core.tensors import Schema
from modelward.core.verdict import Answer, Release
from modelward.engines.jetstream.at_site.news import LOOK_S, Telling
from modelward.engines.jetstream.at_site.replies import LATER_S, Desk, Replies, Saying
from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.lines.identity import Identity
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.lines.pieces import Pieces
from modelward.engines.jetstream.lines.presence import Presence
from modelward.engines.jetstream.lines.pull import pull
from modelward.engines.jetstream.messages.book import Book
from modelward.engines.jetstream.messages.parcel import KIND, being_worked_on, unpack
from modelward.engines.jetstream.messages.task_message import fetch_model, task_of
from modelward.errors import (
    EngineFailed,
    HeldForReview,
    MessageRefused,
    ModelwardError,
    NotCompared,
    StorageError,
)

PERSIST_S = 10.0
"""Wait before serving is cancelled again: wait_for of Python 3.11, which nats uses, returns a
result that came at the moment of a cancellation, and the cancellation is lost."""


class Answers(Protocol):
    """A site as the wire sees it; site/hospital.py is one."""

    @property
    def name(self) -> str:
        """The name it was admitted under."""
        ...

    def answer(self, task: Task, models: Store, /) -> Answer:
        """Return what the gate decided, the same for the same task whenever it is asked."""
        ...


class _NotYet(Exception):
    """The site does not answer tasks yet."""


class SiteEnd:
    """Serves one site until it is stopped.

    Args:
        site: Who answers.
        identity: How it dials the hub.
        key: Its signing key.
        hub_key: The hub's signing key; nobody else is listened to.
        folder: Where messages and models are kept.
        journal: Is told what happens.

    Attributes:
        on_message: Is given each new message that is not a task; it may refuse by raising.
        on_refused: Is told of each message that was refused, and why.
        on_certificate: Is given a new certificate; returns whether it was taken.
        on_stop: Is called when the site stops, and ends what it is computing.
        may_answer: Whether tasks are answered yet; they come again a second later.
        telling: Tells the hub of its own accord what the site has to say.
    """

    def __init__(
        self,
        site: Answers,
        identity: Identity,
        key: Ed25519PrivateKey,
        hub_key: Ed25519PublicKey,
        folder: Path,
        journal: Journal = silent,
    ) -> None:
        self._site, self._identity = site, identity
        self._hub = {"hub": hub_key}
        self._book = Book(folder / "letters", site.name, key)
        self._models = Store(folder / "models")
        self._journal = journal
        self._desk = Desk()
        self._held: set[str] = set()
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self.presence = Presence(site.name, ["hub"], folder / "health.json", journal)
        self.presence.on_stranger = self._part
        self.presence.replays = self._book.replays
        self._parted: EngineFailed | None = None
        self.on_message: Callable[[bytes, Envelope], None] = self._unexpected
        self.on_refused: Callable[[ModelwardError], None] = lambda _: None
        self.on_certificate: Callable[[str], bool] = lambda _: False
        self.on_stop: Callable[[], None] = lambda: None
        self.may_answer: Callable[[], bool] = lambda: True
        self._replies = Replies(site.name, self._book, self._desk, journal, now)
        self.telling = Telling(self._replies, self._desk, journal)
        self.telling.early = lambda: self.presence.early("hub")

    def run(self) -> None:
        """Serve until `stop` is called. Blocks; a task in hand comes again another time.

        Raises:
            ModelwardError: If the site cannot go on.
        """
        try:
            asyncio.run(self._run())
        finally:
            self.on_stop()
            self._desk.close()
            self._book.close()

    def stop(self) -> None:
        """End `run`, from any thread or from a signal."""
        self._stopped.set()
        if self._loop is not None and self._serving is not None:
            with suppress(RuntimeError):  # it has ended, and is told so twice
                self._loop.call_soon_threadsafe(self._serving.cancel)

    def _part(self, _: str, protocol: int) -> None:
        """End `run`: the hub speaks what this site would misunderstand."""
        ours = self.presence.protocol
        who = "this site" if protocol > ours else "the hub"
        self._parted = EngineFailed(
            f"the hub speaks protocol {protocol}, this site {ours}",
            why="hub and site work together when they are one version apart, and not further",
            remedy=f"update {who}, one version at a time (docs/operations/upgrade.md)",
        )
        if self._serving is not None:
            self._serving.cancel()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._serving = asyncio.create_task(self._serve())
        if self._stopped.is_set():
            self._serving.cancel()
        try:
            while not self._serving.done():
                await asyncio.wait({self._serving}, timeout=PERSIST_S)
                if self._stopped.is_set() or self._parted is not None:
                    self._serving.cancel()
            await self._serving
        except asyncio.CancelledError:
            if self._parted is not None:
                raise self._parted from None
            if not self._stopped.is_set():
                raise
        self._journal("stopped")

    async def _serve(self) -> None:
        waiting = asyncio.create_task(self.presence.wait())
        try:
            line = await Line.dial(self._identity, self._journal)
        finally:
            waiting.cancel()
        self._journal("connected", site=self._site.name)
        announcing = asyncio.create_task(self.presence.announce(line))
        telling = asyncio.create_task(self.telling.serve(line))
        try:
            async for message in pull(line, "TASKS", self._site.name, batch=1):
                async with being_worked_on(message):
                    await self._take(line, message)
        finally:
            announcing.cancel()
            telling.cancel()
            await line.close()

    async def _take(self, line: Line, message: Msg) -> None:
        """Deal with one message and acknowledge it, or have it come again later."""
        try:
            if (message.headers or {}).get(KIND) == "certificate":
                if self.on_certificate(message.data.decode()):
                    line.renewed()
                    self._journal("certificate-renewed")
            else:
                await self._read(line, message.data)
        except _NotYet:
            await message.nak(delay=LOOK_S)
        except HeldForReview:
            await message.nak(delay=LATER_S)
        except (NotCompared, StorageError) as error:
            self._journal("task-postponed", error=type(error).__name__)
            await message.nak(delay=LATER_S)
        except ModelwardError as error:
            said = error.what if isinstance(error, MessageRefused) else ""
            self._journal("message-refused", error=type(error).__name__, said=said[:200])
            await self._desk.do(self.on_refused, error)
            await message.term()
        else:
            await message.ack()

    async def _read(self, line: Line, payload: bytes) -> None:
        raw, attached = unpack(payload)
        envelope = unseal(raw, self._hub, now=now())
        again = self._book.repeats(raw, envelope)
        if envelope.kind != "task":
            if not again:
                await self._desk.do(self.on_message, raw, envelope)
                await self._desk.do(self._book.keep, envelope.study, raw)
            return
        if not await self._desk.do(self.may_answer):
            raise _NotYet
        task = task_of(envelope)
        if task.id not in self._held:
            self._journal(
                "task", study=task.study, round=task.round_no, kind=task.kind, again=again
            )
        await fetch_model(line, self._models, task, attached)
        try:
            answer = await self._desk.do(self._answer, task, raw)
        except HeldForReview as error:
            await self._desk.do(self._book.keep, envelope.study, raw)  # it comes again
            if task.id not in self._held:
                self._held.add(task.id)
                self._journal("held", round=task.round_no, task=task.id, said=error.what[:200])
            raise
        self._held.discard(task.id)
        self._book.forget(task.study, task.round_no)
        await self._replies.say(line, answer)
        self._journal("answered", round=task.round_no, decision=str(answer.body["decision"]))

    def _answer(self, task: Task, raw: bytes) -> Saying:
        """Return the answer to the task of a message; runs on the site's thread."""
        answered = partial(
            Saying,
            kind="answer",
            study=task.study,
            round_no=task.round_no,
            named=task.id,
            after=raw,
        )
        try:
            answer = self._site.answer(task, self._models)
        except (HeldForReview, NotCompared, StorageError):
            raise
        except ModelwardError as error:  # its text is about patients' data: it stays here
            self._journal("failed", round=task.round_no, error=type(error).__name__)
            return answered(body={"task": task.id, "decision": "failed", "card": None})
        if not isinstance(answer, Release):
            return answered(body={"task": task.id, "decision": "refused", "card": None})
        tensors = answer.artifact.tensors
        signed = cards.fields(answer.artifact.card)
        return answered(
            body={"task": task.id, "decision": "released", "card": signed},
            content=Pieces(bundle.encode(tensors, Schema.from_tensors(tensors))),
        )

    def _unexpected(self, _: bytes, envelope: Envelope) -> None:
        self._journal("message-ignored", kind=envelope.kind)
