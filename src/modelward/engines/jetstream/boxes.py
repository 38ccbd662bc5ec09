"""The boxes of the data-model network on JetStream: a carrier (core/ports.py).

    fl.box.S.<number>       one letter; its stream's sequence is its number
    $O.off-S.C.<sha256>     a sealed artifact, in pieces (objects.py)

The server keeps order and lets nobody write twice: a letter is stored only as the next of its
box, and what is stored stays. That a letter is true is for its signature to say; the server
only carries. Reading asks for windows by DIRECT.GET, as objects do, so a site needs no right
on any stream.

The line lives in a thread of its own. A call that gets nowhere for `patience_s` raises
EngineFailed, and can be made again: what was stored or fetched by then is used.
"""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

from modelward.engines.jetstream.journal import Journal, silent
from modelward.engines.jetstream.lines import objects
from modelward.engines.jetstream.lines.identity import Identity
from modelward.engines.jetstream.lines.line import Line, Rejected
from modelward.engines.jetstream.lines.pieces import FilePieces
from modelward.errors import EngineFailed, MessageRefused

T = TypeVar("T")

WINDOW = 256
"""Letters asked for at once, and at most `objects.WINDOW` bytes of them."""

PATIENCE_S = 30.0
DIAL_S = 8.0
BEAT_S = 0.5
_WRONG_SEQUENCE = {10071, 10077, 10164}


class Boxes:
    """The boxes on a server, as one institution sees them. Close it, or use a `with` block.

    Args:
        identity: How the institution dials.
        journal: Is told what happens on the line.
        patience_s: Longest time without progress.
    """

    def __init__(
        self, identity: Identity, journal: Journal = silent, *, patience_s: float = PATIENCE_S
    ) -> None:
        self._own, self._patience = identity.name, patience_s
        self._identity, self._journal = identity, journal
        self._dialled: Line | None = None
        self._down: EngineFailed | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="box", daemon=True)
        self._thread.start()

    @property
    def _line(self) -> Line:
        """The line, dialled when it is first needed.

        A line that could not be dialled is not tried again by this object: what waits is
        posted by the next command, and this one does not wait twice.
        """
        if self._down is not None:
            raise self._down
        if self._dialled is None:
            patience = min(self._patience, DIAL_S)
            work = Line.dial(self._identity, self._journal, patience_s=patience)
            try:
                self._dialled = asyncio.run_coroutine_threadsafe(work, self._loop).result()
            except EngineFailed as failed:
                self._down = failed
                raise
        return self._dialled

    def post(self, number: int, letter: bytes) -> None:
        """Put letter `number` into the own box."""
        self._run(self._post(self._line, number, letter))

    def read(self, box: str, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield the letters of a box that are numbered above `after`, in order."""
        while found := self._run(self._window(self._line, box, after + 1)):
            yield from found
            after = found[-1][0]

    def put(self, digest: str, content: Path) -> None:
        """Store a file under its SHA-256 in the own box, going on after what is there."""
        line, pieces = self._line, FilePieces(content)
        try:
            self._run(objects.put(line, f"off-{self._own}", digest, pieces))
        finally:
            pieces.close()

    def fetch(self, box: str, digest: str, path: Path, *, most: int) -> None:
        """Fetch an object into `path`, whole and hashed; what was cut off goes on."""
        self._run(objects.get(self._line, f"off-{box}", digest, path, most=most))

    @property
    def received(self) -> int:
        """Payload bytes that came over the line so far."""
        return 0 if self._dialled is None else self._dialled.received

    def close(self) -> None:
        """Hang up."""
        if self._dialled is not None:
            with suppress(EngineFailed):
                self._run(self._dialled.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _post(self, line: Line, number: int, letter: bytes) -> None:
        headers = {"Nats-Expected-Last-Sequence": str(number - 1)}
        try:
            await line.call(f"fl.box.{self._own}.{number}", letter, headers)
        except Rejected as rejected:
            if rejected.code not in _WRONG_SEQUENCE:
                raise EngineFailed(
                    f"the server does not take letter {number}: {rejected.text}",
                    why="a box has a bound, and a full one refuses instead of forgetting",
                    remedy="ask whoever runs the server for a larger box",
                ) from rejected
            await self._require_same(line, number, letter)

    async def _require_same(self, line: Line, number: int, letter: bytes) -> None:
        """Return if exactly this letter lies there already.

        Raises:
            MessageRefused: If another one does, or the one before is missing.
        """
        there = await self._window(line, self._own, number)
        if there and there[0] == (number, letter):
            return
        found = "other content is there" if there else "the letter before it is missing"
        raise MessageRefused(
            f"letter {number} of {self._own} cannot be posted: {found}",
            why="a box is one sequence of letters, written by one institution",
            remedy="check that no other copy of this institution's folder is in use",
        )

    async def _window(self, line: Line, box: str, start: int) -> list[tuple[int, bytes]]:
        """Return letters from `start` on, as many as one request brings; empty at the end."""
        arrived: asyncio.Queue[Any] = asyncio.Queue()
        inbox, subscription = await line.listen(None, arrived.put_nowait)

        def changed() -> None:
            arrived.put_nowait(None)

        line.on_return(changed)
        request = {
            "seq": start,
            "next_by_subj": f"fl.box.{box}.*",
            "batch": WINDOW,
            "max_bytes": objects.WINDOW,
        }
        try:
            while True:
                subject = f"$JS.API.DIRECT.GET.BOX_{box}"
                await line.say(subject, json.dumps(request).encode(), reply=inbox)
                found = await self._gathered(arrived)
                if found is not None:
                    return found
                await asyncio.sleep(BEAT_S)
        finally:
            line.off_return(changed)
            await subscription.unsubscribe()

    async def _gathered(self, arrived: "asyncio.Queue[Any]") -> list[tuple[int, bytes]] | None:
        """Return what one request brings; None if the line broke or nobody answered."""
        found: list[tuple[int, bytes]] = []
        while True:
            try:
                async with asyncio.timeout(objects.STALLED_S):
                    message = await arrived.get()
            except TimeoutError:
                return found or None
            if message is None:
                return found or None
            headers = message.headers or {}
            status = headers.get("Status")
            if status in {"204", "404"}:
                return found
            if status is not None:
                return found or None  # nobody there: the server is starting
            found.append((int(headers["Nats-Sequence"]), message.data))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of `work`; give up when nothing moves for `patience_s`."""
        return asyncio.run_coroutine_threadsafe(self._watched(work), self._loop).result()

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        moved, since = -1, 0.0
        clock = asyncio.get_running_loop().time
        while True:
            done, _ = await asyncio.wait({task}, timeout=BEAT_S)
            if done:
                return task.result()
            now = self.received
            if now != moved:
                moved, since = now, clock()
            if clock() - since > self._patience:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                raise EngineFailed(
                    f"nothing came over the line of {self._own} for {self._patience:g} s",
                    why="the server or the way to it is down",
                    remedy="give the same command again later; what was sent stays sent",
                )
