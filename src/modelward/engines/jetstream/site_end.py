"""The site's end of the wire: tasks in, the site's answers out. Dials out, never listens.

    pull a task -> check its signature, time and sequence -> fetch the model -> the site answers
    -> keep question and answer on disk -> send -> acknowledge the task, last of all

A task is acknowledged only when the answer is stored at the hub's server. Whatever is
killed before that, the task comes again, and the site's ledger gives the same bytes again.
What a site computes and whether it may leave are not decided here.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from nats.aio.msg import Msg
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from modelward.artifact import bundle
from modelward.artifact.envelope import Envelope, digest, unseal
from modelward.artifact.store import Store
from modelward.core.artifact import Card
from modelward.core.canonical import Json
from modelward.core.task import Task, TaskKind
from modelward.core.tensors import Schema
from modelward.core.verdict import Answer, Release
from modelward.engines.jetstream import objects
from modelward.engines.jetstream.book import Book
from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.line import Identity, Line, Rejected
from modelward.engines.jetstream.objects import Pieces
from modelward.engines.jetstream.parcel import (
    INLINE,
    KIND,
    LARGEST,
    being_worked_on,
    check_attached,
    pack,
    unpack,
)
from modelward.engines.jetstream.presence import Presence
from modelward.errors import EngineFailed, MessageRefused, ModelwardError, StorageError

LATER_S = 5.0
"""Wait before a task that met a full disk, say, is looked at again."""


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


class SiteEnd:
    """Serves one site until it is stopped.

    Args:
        site: Who answers.
        identity: How it dials the hub.
        key: Its signing key.
        hub_key: The hub's signing key; nobody else is listened to.
        folder: Where messages and models are kept.
        journal: Is told what happens.
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._serving: asyncio.Task[None] | None = None
        self.presence = Presence(site.name, "hub", folder / "health.json", journal)
        self.presence.on_stranger = self._part
        self._parted: EngineFailed | None = None
        self.on_message: Callable[[bytes, Envelope], None] = self._unexpected
        self.on_certificate: Callable[[str], bool] = lambda _: False
        self.clock = now

    def run(self) -> None:
        """Serve until `stop` is called. Blocks; a task that is being answered is finished.

        Raises:
            ModelwardError: If the site cannot go on.
        """
        try:
            asyncio.run(self._run())
        finally:
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
        try:
            async for message in line.pull("TASKS", self._site.name, batch=1):
                async with being_worked_on(message):
                    await self._take(line, message)
        finally:
            announcing.cancel()
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
        except StorageError as error:
            self._journal("task-postponed", error=type(error).__name__)
            await message.nak(delay=LATER_S)
        except ModelwardError as error:
            said = error.what if isinstance(error, MessageRefused) else ""
            self._journal("message-refused", error=type(error).__name__, said=said[:200])
            await message.term()
        else:
            await message.ack()

    async def _read(self, line: Line, payload: bytes) -> None:
        raw, attached = unpack(payload)
        envelope = unseal(raw, self._hub, now=self.clock())
        again = self._book.repeats(raw, envelope)
        if envelope.kind != "task":
            await self._on_desk(self.on_message, raw, envelope)
            self._book.keep(envelope.study, raw)
            return
        task = task_of(envelope)
        self._journal(
            "task", study=task.study, round=task.round_no, kind=task.kind, again=again
        )
        await self._fetch(line, task, attached)
        body, content = await self._on_desk(self._answer, task)
        self._book.forget(task.study, task.round_no)
        letter = self._letter(task, body)
        await self._on_desk(self._book.keep, task.study, raw, letter)
        await self._send(line, task, letter, body, content)
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

    def _letter(self, task: Task, body: Mapping[str, Json]) -> bytes:
        """Return the message with this answer, the one sent before if it is still valid."""
        before = self._book.answer(task.study, task.id, self._site.name)
        if before is not None:
            try:
                own = {self._site.name: self._book.public}
                if unseal(before, own, now=self.clock()).body == body:
                    return before
            except MessageRefused:
                self._journal("answer-expired", round=task.round_no)
        return self._book.write(
            "answer", study=task.study, round_no=task.round_no, body=body, now=self.clock()
        )

    async def _send(
        self,
        line: Line,
        task: Task,
        letter: bytes,
        body: Mapping[str, Any],
        content: Pieces | None,
    ) -> None:
        attached = None
        if content is not None and content.nbytes <= INLINE:
            attached = content.between(0, content.nbytes)
        elif content is not None:
            bucket = f"up-{self._site.name}"
            await objects.put(line, bucket, body["card"]["sha256"], content)
        subject = f"fl.ans.{self._site.name}.{task.id}"
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

    async def _fetch(self, line: Line, task: Task, attached: bytes | None) -> None:
        """Have the model that the task starts from in the store, and no older ones."""
        if task.model is None:
            return
        path = self._models.path(task.model)
        if attached is not None:
            check_attached(attached, task.model)
        for old in path.parent.iterdir():
            if not old.name.startswith(path.name):
                old.unlink()
        if path.exists() and _hash(path) == task.model:
            return
        if attached is not None:
            part = path.with_name(f"{path.name}.part")
            part.write_bytes(attached)  # not synced: it can be had again
            part.replace(path)
        else:
            await objects.get(line, "hub", task.model, path, most=LARGEST)

    async def _on_desk(self, call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
        """Return what `call` does on the site's one thread, finishing it also when stopped."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._desk, partial(call, *arguments))
        return await asyncio.shield(work)

    def _unexpected(self, _: bytes, envelope: Envelope) -> None:
        self._journal("message-ignored", kind=envelope.kind)


class _Asked(BaseModel):
    """The body of a task message."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    kind: TaskKind
    model: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None


_ASKED = TypeAdapter(_Asked)


def task_of(envelope: Envelope) -> Task:
    """Return the task that a message asks.

    Raises:
        MessageRefused: If the body is not that of a task.
    """
    try:
        asked = _ASKED.validate_python(dict(envelope.body))
    except ValidationError as error:
        raise MessageRefused(
            "a task message does not hold a task",
            why="a task is a kind and the hash of a model, and nothing else",
            remedy="check that hub and site run versions that fit together",
        ) from error
    return Task(
        study=envelope.study, round_no=envelope.round_no, kind=asked.kind, model=asked.model
    )


def _card(card: Card) -> dict[str, Json]:
    return {"format": "modelward-card/1", **asdict(card)}


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        found = sha256()
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()
