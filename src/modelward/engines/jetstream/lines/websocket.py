"""NATS inside WebSocket frames, for hospitals that let nothing else out.

Implements RFC 6455 sections 4.1 and 5, the client's side: no extensions, no text. Since NATS
is a stream of bytes, fragments are passed on as they come. (nats-py has WebSocket by way of
aiohttp, and then no proxy.)
"""

# mypy: disable-error-code="explicit-override"
# ruff: noqa: ARG002
# typing.override is in Python 3.12; what is overridden has nats-py's signatures.

import asyncio
import base64
import secrets
import ssl
from contextlib import suppress
from hashlib import sha1
from urllib.parse import ParseResult

import numpy as np

from modelward.engines.jetstream.lines.transport import Stream
from modelward.engines.jetstream.lines.way import Way, http_answer

FRAME_BYTES = 64 * 1024 * 1024
"""Longest frame that is read; the server's are at most as long as what it has pending."""

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_BINARY, _CLOSE, _PING, _PONG = 0x2, 0x8, 0x9, 0xA
_DATA = frozenset({0x0, 0x1, _BINARY})


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
        reader, writer = self.opened()
        writer.write(asked.encode())
        status, headers = await http_answer(reader)
        digest = sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()
        accepted = headers.get("sec-websocket-accept") == base64.b64encode(digest).decode()
        if not status.startswith("101") or not accepted:
            raise ConnectionError(f"the server does not speak WebSocket there: {status[:80]}")

    async def _next(self) -> bytes:
        """Return the bytes of the next data frame that has some; nothing at the end."""
        reader, writer = self.opened()
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
