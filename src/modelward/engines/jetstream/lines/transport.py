"""The stream that nats-py writes to and reads, on a way of our own: TLS over TCP.

nats-py has no proxy; this is the little that is needed. Who is on the other side is checked
by the handshake. WebSocket frames on top of it are websocket.py's business.
"""

# mypy: disable-error-code="explicit-override"
# ruff: noqa: ARG002
# typing.override is in Python 3.12; what is overridden here is the whole of `Transport`, whose
# signatures are nats-py's.

import asyncio
import ssl
from contextlib import suppress
from urllib.parse import ParseResult

from nats.aio.transport import Transport

from modelward.engines.jetstream.lines.way import Way, open_way


class Stream(Transport):
    """TLS over TCP, through a proxy where there is one; what nats-py writes to and reads."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._below: asyncio.StreamWriter | None = None  # kept, or it would close its socket

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Open a connection to the server, not yet encrypted."""
        opened = open_way(self._way, uri.hostname or "", uri.port or 443)
        self._reader, self._writer = await asyncio.wait_for(opened, connect_timeout)

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        """Encrypt it, and check whose server it is."""
        host = uri if isinstance(uri, str) else uri.hostname
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1024 * 1024)
        protocol = asyncio.StreamReaderProtocol(reader)
        self._below = self.opened()[1]
        encrypted = await asyncio.wait_for(
            loop.start_tls(self._below.transport, protocol, ssl_context, server_hostname=host),
            connect_timeout,
        )
        if encrypted is None:
            raise ConnectionError("the line broke while it was encrypted")
        reader.set_transport(encrypted)
        self._reader = reader
        self._writer = asyncio.StreamWriter(encrypted, protocol, reader, loop)

    def write(self, payload: bytes) -> None:
        """Take bytes to be sent."""
        self.opened()[1].write(payload)

    def writelines(self, payload: list[bytes]) -> None:
        """Take several pieces to be sent."""
        self.write(b"".join(payload))

    async def read(self, buffer_size: int) -> bytes:
        """Return what has come; nothing when the line has ended."""
        return await self.opened()[0].read(buffer_size)

    async def readline(self) -> bytes:
        """Return one line."""
        return await self.opened()[0].readline()

    async def drain(self) -> None:
        """Wait until there is room for more."""
        await self.opened()[1].drain()

    async def wait_closed(self) -> None:
        """Wait until the line is closed; how the other end takes it does not matter."""
        if self._writer is not None:
            with suppress(OSError):
                await self._writer.wait_closed()

    def close(self) -> None:
        """Hang up."""
        for writer in (self._writer, self._below):
            if writer is not None:
                writer.close()

    def at_eof(self) -> bool:
        """Return whether nothing will come any more."""
        return self._reader is None or self._reader.at_eof()

    def __bool__(self) -> bool:
        return self._writer is not None

    def opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return both directions.

        Raises:
            ConnectionError: If there is no connection.
        """
        if self._reader is None or self._writer is None:
            raise ConnectionError("the line is not open")
        return self._reader, self._writer
