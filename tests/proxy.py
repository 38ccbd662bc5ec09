"""A TCP proxy that breaks things on request: delay, stall, reset, half-open, cut.

It sits between a site and the server and knows nothing of what it carries. Time is real:
what is tested is that the wire notices by itself and goes on.
"""

import asyncio
import socket
import struct
import threading
from typing import Literal, Self

Mode = Literal["plain", "stall", "half-open", "cut"]
"""plain: carry, with `delay_s`; stall: carry nothing for now; half-open: swallow what comes
from the site for good; cut: refuse new connections."""


End = tuple[asyncio.StreamReader, asyncio.StreamWriter]
"""One end of a connection."""


class Proxy:
    """Carries connections to `target` on a port of its own; use in a `with` block.

    Attributes:
        port: Where it listens.
        mode: What it does now; may be changed at any time.
        delay_s: Wait before each piece is passed on, each way.
        connections: How many were made so far.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.mode: Mode = "plain"
        self.delay_s = 0.0
        self.connections = 0
        self.port = 0
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def reset(self) -> None:
        """Break every connection with a TCP reset."""
        self._loop.call_soon_threadsafe(self._reset)

    def _reset(self) -> None:
        for pair in list(self._pairs):
            for writer in pair:
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()
        self._loop.run_until_complete(self._close())
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()  # each breaks the connections that it has
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._up.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "cut":
            writer.transport.abort()
            return
        self.connections += 1
        both = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
            both.append(far_writer)
            await self._joined((reader, writer), (far_reader, far_writer))
        except (OSError, asyncio.CancelledError):
            return  # nothing is behind, or it is over
        finally:
            for each in both:
                each.transport.abort()

    async def _joined(self, near: End, far: End) -> None:
        """Carry both ways until one of them ends."""
        pair, swallowed = (near[1], far[1]), asyncio.Event()
        self._pairs.add(pair)
        ways = [
            asyncio.create_task(self._pass(near[0], far[1], swallowed)),
            asyncio.create_task(self._pass(far[0], near[1], swallowed)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._pairs.discard(pair)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        swallowed: asyncio.Event,
    ) -> None:
        """Pass on what comes one way until it ends."""
        while True:
            try:
                piece = await reader.read(64 * 1024)
            except OSError:
                return
            if not piece:
                return
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            while self.mode in {"stall", "cut"}:
                await asyncio.sleep(0.05)
            if self.mode == "half-open" or swallowed.is_set():
                swallowed.set()  # this connection never recovers; the next one may
                continue
            writer.write(piece)
            try:
                await writer.drain()
            except OSError:
                return
