"""Ways out of a hospital: through an HTTP proxy, over WebSocket, or both.

    tls://HOST:PORT    TCP [or CONNECT through a proxy] -> TLS 1.3 -> NATS
    wss://HOST:PORT    the same, with RFC 6455 frames between TLS and NATS

TLS is always between this site and the hub's server, with certificates of both sides: a
proxy sees a host name, a port and encrypted bytes. One that opens TLS cannot be used, and
is found out by the handshake.

nats-py has WebSocket by way of aiohttp, and no proxy; this is both in the little that is
needed. Implements RFC 9110 section 9.3.6 (CONNECT) and RFC 6455 sections 4.1 and 5, the
client's side: no extensions, no text. Since NATS is a stream of bytes, fragments are passed
on as they come.
"""

# mypy: disable-error-code="explicit-override"
# ruff: noqa: ARG002
# typing.override is in Python 3.12; what is overridden here is the whole of `Transport`, whose
# signatures are nats-py's.

import asyncio
import base64
import secrets
import ssl
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from urllib.parse import ParseResult, SplitResult, unquote, urlsplit

import numpy as np
from nats.aio.transport import Transport

HEADER_BYTES = 16 * 1024
"""Longest header of a proxy's or server's answer that is read."""

FRAME_BYTES = 64 * 1024 * 1024
"""Longest frame that is read; the server's are at most as long as what it has pending."""

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_BINARY, _CLOSE, _PING, _PONG = 0x2, 0x8, 0x9, 0xA
_DATA = frozenset({0x0, 0x1, _BINARY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the server is reached.

    Attributes:
        proxy: `http://[USER:PASSWORD@]HOST:PORT`, or `https://...`; None to go directly.
        proxy_ca: Authority of an `https://` proxy's certificate; the system's if None.
        websocket: Whether NATS is spoken inside WebSocket frames.
    """

    proxy: str | None = None
    proxy_ca: Path | None = None
    websocket: bool = False

    @property
    def plain(self) -> bool:
        """Whether there is nothing on the way."""
        return self.proxy is None and not self.websocket


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
        self._below = self._open()[1]
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
        self._open()[1].write(payload)

    def writelines(self, payload: list[bytes]) -> None:
        """Take several pieces to be sent."""
        self.write(b"".join(payload))

    async def read(self, buffer_size: int) -> bytes:
        """Return what has come; nothing when the line has ended."""
        return await self._open()[0].read(buffer_size)

    async def readline(self) -> bytes:
        """Return one line."""
        return await self._open()[0].readline()

    async def drain(self) -> None:
        """Wait until there is room for more."""
        await self._open()[1].drain()

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

    def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            raise ConnectionError("the line is not open")
        return self._reader, self._writer


class WebSocket(Stream):
    """The same, in binary frames."""

    def __init__(self, way: Way) -> None:
        super().__init__(way)
        self._left = b""
        self._ended = False

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        """Encrypt the connection, then ask for WebSocket (RFC 6455, section 4.1)."""
        await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        self._left, self._ended = b"", False
        host = uri if isinstance(uri, str) else uri.netloc
        await asyncio.wait_for(self._upgrade(host), connect_timeout)

    def write(self, payload: bytes) -> None:
        """Take bytes to be sent, as one frame."""
        super().write(frame(_BINARY, payload, secrets.token_bytes(4)))

    async def read(self, buffer_size: int) -> bytes:
        """Return the bytes of one frame, or what a line has left of it."""
        found, self._left = self._left, b""
        return found or await self._next()

    async def readline(self) -> bytes:
        """Return one line; what comes after it is kept for `read`."""
        while b"\n" not in self._left and (more := await self._next()):
            self._left += more
        line, newline, self._left = self._left.partition(b"\n")
        return line + newline

    def at_eof(self) -> bool:
        """Return whether nothing will come any more."""
        return self._ended or (not self._left and super().at_eof())

    async def _upgrade(self, host: str) -> None:
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        asked = (
            f"GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        reader, writer = self._open()
        writer.write(asked.encode())
        status, headers = await _answer(reader)
        digest = sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()
        accepted = headers.get("sec-websocket-accept") == base64.b64encode(digest).decode()
        if not status.startswith("101") or not accepted:
            raise ConnectionError(f"the server does not speak WebSocket there: {status[:80]}")

    async def _next(self) -> bytes:
        """Return the bytes of the next data frame that has some; nothing at the end."""
        reader, writer = self._open()
        with suppress(asyncio.IncompleteReadError):
            while True:
                kind, payload = await _frame(reader)
                if kind in _DATA and payload:
                    return payload
                if kind == _PING:
                    writer.write(frame(_PONG, payload, secrets.token_bytes(4)))
                if kind == _CLOSE:
                    break
        self._ended = True
        return b""


def transport(way: Way) -> Stream:
    """Return what nats-py is to use for `way`."""
    return WebSocket(way) if way.websocket else Stream(way)


async def open_way(
    way: Way, host: str, port: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection to `host` on which nothing has been said yet.

    Raises:
        ConnectionError: If the proxy refuses, with what it said.
        OSError: If nobody answers.
    """
    if way.proxy is None:
        return await asyncio.open_connection(host, port)
    parts = urlsplit(way.proxy)
    encrypted = None
    if parts.scheme == "https":
        encrypted = ssl.create_default_context(cafile=way.proxy_ca)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=encrypted)
    try:
        writer.write(_connect(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", parts))
        status, _ = await _answer(reader)
    except BaseException:
        writer.close()
        raise
    if not status.startswith("2"):
        writer.close()
        raise ConnectionError(f"the proxy {parts.hostname} said: {status[:80]}")
    return reader, writer


def frame(kind: int, payload: bytes, mask: bytes) -> bytes:
    """Return one whole frame as a client sends it (RFC 6455, section 5.2).

    Args:
        kind: The opcode.
        payload: What it carries.
        mask: Four random bytes; section 5.3 says why a client has to mask.

    >>> frame(1, b"Hello", bytes.fromhex("37fa213d")).hex()  # section 5.7
    '818537fa213d7f9f4d5158'
    """
    size = len(payload)
    if size < 126:  # noqa: PLR2004 - the numbers of section 5.2
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([0x80 | 127]) + size.to_bytes(8, "big")
    repeated = np.frombuffer(mask * (size // 4 + 1), np.uint8)[:size]
    masked = (np.frombuffer(payload, np.uint8) ^ repeated).tobytes()
    return bytes([0x80 | kind]) + length + mask + masked


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the opcode and the payload of the next frame."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size >= 126:  # noqa: PLR2004 - the numbers of section 5.2
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")  # noqa: PLR2004
    if second & 0x80 or first & 0x70 or size > FRAME_BYTES:
        raise ConnectionError("the server sent a frame that no WebSocket server may send")
    return first & 0x0F, await reader.readexactly(size)


async def _answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    """Return status, such as `200 OK`, and headers of an HTTP answer without a body."""
    lines: list[str] = []
    size = 0
    while line := (await reader.readline()).decode("latin-1"):
        size += len(line)
        if size > HEADER_BYTES:
            break
        if not line.strip():
            fields = (each.partition(":") for each in lines[1:])
            headers = {name.strip().lower(): value.strip() for name, _, value in fields}
            return lines[0].partition(" ")[2].strip(), headers
        lines.append(line)
    raise ConnectionError("what answered does not speak HTTP")


def _connect(target: str, proxy: SplitResult) -> bytes:
    """Return the request that has a proxy connect to `target`."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username is not None:
        said = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(said).decode()}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
