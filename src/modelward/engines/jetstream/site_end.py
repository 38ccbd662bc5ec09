"""The site's end of the wire: tasks in, the site's answers out. Dials out, never listens.

    pull a task -> check its signature, time and sequence -> fetch the model -> the site answers
    -> keep question and answer on disk -> send -> acknowledge the task, last of all

A task is acknowledged only when the answer is stored at the hub's server. Whatever is
killed before that, the task comes again, and the site's ledger gives the same bytes again.
What a site computes and whether it may leave are not decided here.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from nats.aio.msg import Msg

from modelward.artifact import bundle
from modelward.artifact.envelope import Envelope, Kind, digest, unseal
from modelward.artifact.store import Store
from modelward.core.artifact import Card
from modelward.core.canonical import Json, canonical_hash
from modelward.core.task import Task
from modelward.core.tensors import Schema
from modelward.core.verdict import Answer, Release
from modelward.engines.jetstream import objects
from modelward.engines.jetstream.book import Book
from modelward.engines.jetstream.identity import Identity
from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.line import Line, Rejected
from modelward.engines.jetstream.objects import Pieces
from modelward.engines.jetstream.parcel import (
    INLINE,
    KIND,
    being_worked_on,
    pack,
    unpack,
)
from modelward.engines.jetstream.presence import Presence
from modelward.engines.jetstream.task_message import fetch_model, task_of
from modelward.errors import EngineFailed, MessageRefused, ModelwardError, StorageError

LATER_S = 5.0
"""Wait before a task that met a full disk, say, is looked at again."""


LOOK_S = 1.0
"""How often the site is asked for news: what its people have decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something that a site tells the hub of its own accord.

    Attributes:
        kind: What it is.
        study: SHA-256 of the study it is about.
        body: What it says.
    """

    kind: Kind
    study: str
    body: Mapping[str, Json]


class Answers(Protocol):
    """A site as the wire sees it; site/hospital.py is one."""

    @property
    def name(self) -> str:
        """The name it was admitted under."""
        ...

    def answer(self, task: Task, models: Store, /) -> Answer:
        """Return what the gate decided, the same for the same task whenever it is asked."""
        ...


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


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
        news: Returns what the hub is to know; each thing is told once, until a restart.
        clock: The time.
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
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="site")
        self._stopped = threading.Event()
        self._in_order = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self.presence = Presence(site.name, ["hub"], folder / "health.json", journal)
        self.presence.on_stranger = self._part
        self._parted: EngineFailed | None = None
        self.on_message: Callable[[bytes, Envelope], None] = self._unexpected
        self.on_refused: Callable[[ModelwardError], None] = lambda _: None
        self.on_certificate: Callable[[str], bool] = lambda _: False
        self.on_stop: Callable[[], None] = lambda: None
        self.may_answer: Callable[[], bool] = lambda: True
        self.news: Callable[[], Iterable[News]] = tuple
        self.clock = now

    def run(self) -> None:
        """Serve until `stop` is called. Blocks; a task in hand comes again another time.

        Raises:
            ModelwardError: If the site cannot go on.
        """
        try:
            asyncio.run(self._run())
        finally:
            self.on_stop()
            self._desk.shutdown()
            self._book.close()

    def stop(self) -> None:
        """End `run`, from any thread or from a signal."""
        self._stopped.set()
        if self._loop is not None and self._serving is not None:
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
            await self._serving
        except asyncio.CancelledError:
            if self._parted is not None:
                raise self._parted from None
            if not self._stopped.is_set():
                raise
        self._journal("stopped")

    async def _serve(self) -> None:
        line = await Line.dial(self._identity, self._journal)
        self._journal("connected", site=self._site.name)
        announcing = asyncio.create_task(self.presence.announce(line))
        telling = asyncio.create_task(self._tell(line))
        try:
            async for message in line.pull("TASKS", self._site.name, batch=1):
                async with being_worked_on(message):
                    await self._take(line, message)
        finally:
            announcing.cancel()
            telling.cancel()
            await line.close()

    async def _tell(self, line: Line) -> None:
        """Send the site's news, looking for more every second."""
        told: set[str] = set()
        while True:
            try:
                for each in await self._on_desk(self.news):
                    named = canonical_hash(dict(each.body))
                    if named in told:
                        continue
                    async with self._in_order:
                        letter = await self._on_desk(
                            self._letter, each.kind, each.study, 0, each.body
                        )
                        await self._put(line, digest(letter), letter, None)
                    told.add(named)
                    self._journal("told", kind=each.kind, study=each.study)
            except ModelwardError as error:
                self._journal("news-postponed", error=type(error).__name__)
                await asyncio.sleep(LATER_S)
            await asyncio.sleep(LOOK_S)

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
        except StorageError as error:
            self._journal("task-postponed", error=type(error).__name__)
            await message.nak(delay=LATER_S)
        except ModelwardError as error:
            said = error.what if isinstance(error, MessageRefused) else ""
            self._journal("message-refused", error=type(error).__name__, said=said[:200])
            await self._on_desk(self.on_refused, error)
            await message.term()
        else:
            await message.ack()

    async def _read(self, line: Line, payload: bytes) -> None:
        raw, attached = unpack(payload)
        envelope = unseal(raw, self._hub, now=self.clock())
        again = self._book.repeats(raw, envelope)
        if envelope.kind != "task":
            if not again:
                await self._on_desk(self.on_message, raw, envelope)
                await self._on_desk(self._book.keep, envelope.study, raw)
            return
        if not await self._on_desk(self.may_answer):
            raise _NotYet
        task = task_of(envelope)
        self._journal(
            "task", study=task.study, round=task.round_no, kind=task.kind, again=again
        )
        await fetch_model(line, self._models, task, attached)
        body, content = await self._on_desk(self._answer, task)
        self._book.forget(task.study, task.round_no)
        attached = await self._upload(line, content, body)
        async with self._in_order:
            letter = await self._on_desk(
                self._letter, "answer", task.study, task.round_no, body, raw
            )
            await self._put(line, task.id, letter, attached)
        self._journal("answered", round=task.round_no, decision=str(body["decision"]))

    def _answer(self, task: Task) -> tuple[dict[str, Json], Pieces | None]:
        """Return the body of the answer, and the released bytes; runs on the site's thread."""
        try:
            answer = self._site.answer(task, self._models)
        except StorageError:
            raise
        except ModelwardError as error:  # its text is about patients' data: it stays here
            self._journal("failed", round=task.round_no, error=type(error).__name__)
            return {"task": task.id, "decision": "failed", "card": None}, None
        if not isinstance(answer, Release):
            return {"task": task.id, "decision": "refused", "card": None}, None
        tensors = answer.artifact.tensors
        content = Pieces(bundle.encode(tensors, Schema.from_tensors(tensors)))
        signed = _card(answer.artifact.card)
        return {"task": task.id, "decision": "released", "card": signed}, content

    def _letter(
        self,
        kind: Kind,
        study: str,
        round_no: int,
        body: Mapping[str, Json],
        after: bytes | None = None,
    ) -> bytes:
        """Return the signed message that says this, on disk; runs on the site's thread."""
        return self._book.say(
            kind, study=study, round_no=round_no, body=body, now=self.clock(), after=after
        )

    async def _upload(
        self, line: Line, content: Pieces | None, body: Mapping[str, Any]
    ) -> bytes | None:
        """Return what travels with the answer; what is larger is in the bucket after this."""
        if content is None:
            return None
        if content.nbytes <= INLINE:
            return content.between(0, content.nbytes)
        await objects.put(line, f"up-{self._site.name}", body["card"]["sha256"], content)
        return None

    async def _put(self, line: Line, named: str, letter: bytes, attached: bytes | None) -> None:
        """Have a message stored at the server, under a name of which there is one at a time."""
        subject = f"fl.ans.{self._site.name}.{named}"
        headers = {"Nats-Msg-Id": digest(letter)}
        while True:
            try:
                await line.call(subject, pack(letter, attached), headers)
            except Rejected as rejected:
                if "per subject" in rejected.text:
                    return  # an answer to this task is waiting there already: it wins
                self._journal("answer-waits", said=rejected.text)
                await asyncio.sleep(LATER_S)
            else:
                return

    async def _on_desk(self, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        """Return what `call` does on the site's one thread."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._desk, partial(call, *arguments))
        return await asyncio.shield(work)

    def _unexpected(self, _: bytes, envelope: Envelope) -> None:
        self._journal("message-ignored", kind=envelope.kind)


def _card(card: Card) -> dict[str, Json]:
    return {"format": "modelward-card/1", **asdict(card)}
