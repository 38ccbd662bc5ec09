"""Writes down what the server stored under each site's certificate, as it comes.

    stream CARRIED (the server's own copies) -> HUB/carried.jsonl, synced -> acknowledged

A copy stays in the stream until its line is on disk, so a hub that was down, or killed,
loses none. It runs beside the engine, on a connection of its own, and judges nothing:
report/processing/reconcile.py does, later.
"""

import asyncio
import threading
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from nats.aio.msg import Msg

from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.lines.identity import Identity
from modelward.engines.jetstream.lines.line import Line, Rejected
from modelward.engines.jetstream.lines.pull import pull
from modelward.engines.jetstream.messages.parcel import unpack
from modelward.engines.jetstream.messages.streams import CARRIED
from modelward.errors import ModelwardError
from modelward.ledger.appendfile import AppendFile
from modelward.report.processing.carried import FILE, Carried

BATCH = 64

DRAIN_S = 5.0
"""How long the end of a run waits for copies; what is left comes when the hub is up again."""

AGAIN_S = 5.0
"""Wait before something that met a full disk, say, is tried again."""

LONGEST = 128 * 1024
"""Longest message whose text is kept; a longer one is kept as length and hash."""


class Recorder:
    """A thread that keeps the record; use in a `with` block.

    Args:
        identity: How the hub dials its server.
        folder: The hub's folder.
        journal: Is told what goes wrong.
    """

    def __init__(self, identity: Identity, folder: Path, journal: Journal = silent) -> None:
        self._identity, self._journal = identity, journal
        self._path = folder / FILE
        self._loop = asyncio.new_event_loop()
        self._work: asyncio.Task[None] | None = None
        self._line: Line | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._line is not None:
            with suppress(TimeoutError, Rejected):
                asyncio.run_coroutine_threadsafe(self._drained(), self._loop).result(DRAIN_S)
        if self._work is not None:
            self._loop.call_soon_threadsafe(self._work.cancel)
        self._thread.join(DRAIN_S)

    def _run(self) -> None:
        self._work = self._loop.create_task(self._keep_on())
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._work)
        self._loop.close()

    async def _keep_on(self) -> None:
        """Keep the record; what stands in the way is tried again: copies wait meanwhile."""
        while True:
            try:
                await self._keep()
            except (ModelwardError, OSError) as error:
                self._journal("record-waits", said=str(error)[:200])
            await asyncio.sleep(AGAIN_S)

    async def _keep(self) -> None:
        self._line = line = await Line.dial(self._identity, self._journal)
        try:
            with closing(AppendFile(self._path)) as file:
                _repair(file)
                async for message in pull(line, CARRIED, "hub", batch=BATCH):
                    found = line_of(message)
                    await asyncio.to_thread(file.append, found.text().encode())
                    await message.ack()
        finally:
            await line.close()

    async def _drained(self) -> None:
        """Return when the server holds no copy that is not written down."""
        while self._line is not None and self._line.connected:
            info = await self._line.call(f"$JS.API.CONSUMER.INFO.{CARRIED}.hub", b"")
            if not info["num_pending"] and not info["num_ack_pending"]:
                return
            await asyncio.sleep(0.02)


def line_of(message: Msg) -> Carried:
    """Return what the record says of one of the server's copies."""
    said = message.headers or {}
    size = said.get("Nats-Msg-Size")
    raw, attached = unpack(message.data)
    try:
        text = raw.decode() if len(raw) <= LONGEST else ""
    except UnicodeDecodeError:
        text = ""
    return Carried(
        stream=said["Nats-Stream"],
        sequence=int(said["Nats-Sequence"]),
        subject=said["Nats-Subject"],
        time=said["Nats-Time-Stamp"],
        id=said.get("Nats-Msg-Id", ""),
        bytes=len(message.data) if size is None else int(size),
        sha256=sha256(message.data).hexdigest() if size is None else "",
        message=text if size is None else "",
        attached=len(attached or b""),
        attached_sha256="" if attached is None else sha256(attached).hexdigest(),
    )


def _repair(file: AppendFile) -> None:
    """Cut off a line that was not written to its end; its copy was not acknowledged."""
    whole = sum(len(each) for each in file.lines() if each.endswith(b"\n"))
    if whole < file.size:
        file.cut(whole)
