"""An HTTP proxy that knows CONNECT and nothing else, as hospitals have them."""

import asyncio
import base64
import ssl
import threading
from contextlib import suppress
from typing import Self


class ConnectProxy:
    """Carries connections to wherever it is asked to; use in a `with` block.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        asked: Targets of the requests so far, such as `127.0.0.1:4222`.
        carried: Bytes that went through, both ways together.
    """

    def __init__(self, credentials: str = "", terms: ssl.SSLContext | None = None) -> None:
        self._wanted = base64.b64encode(credentials.encode()).decode() if credentials else ""
        self._terms = terms
        self.port = 0
        self.asked: list[str] = []
        self.carried = bytearray()
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

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.run_forever()
        self._server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._terms)
        self.port = self._server.sockets[0].getsockname()[1]
        self._up.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            verb, target, _ = request[0].split(" ")
            self.asked.append(target)
            if self._wanted and f"Proxy-Authorization: Basic {self._wanted}" not in request:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            elif verb != "CONNECT":
                writer.write(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
            else:
                host, _, port = target.rpartition(":")
                far_reader, far_writer = await asyncio.open_connection(host, int(port))
                writer.write(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 ward\r\n\r\n")
                ways = [self._pass(reader, far_writer), self._pass(far_reader, writer)]
                running = [asyncio.create_task(way) for way in ways]
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for way in running:
                    way.cancel()
                far_writer.transport.abort()
            await writer.drain()
        writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(64 * 1024):
                self.carried += piece
                writer.write(piece)
                await writer.drain()
