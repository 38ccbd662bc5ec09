"""What lies between a hospital and its hub: nothing, an HTTP proxy, WebSocket, or both.

    tls://HOST:PORT    TCP [or CONNECT through a proxy] -> TLS 1.3 -> NATS
    wss://HOST:PORT    the same, with RFC 6455 frames between TLS and NATS

TLS is always between this site and the hub's server, with certificates of both sides: a
proxy sees a host name, a port and encrypted bytes. One that opens TLS cannot be used, and
is found out by the handshake.

Implements RFC 9110 section 9.3.6 (CONNECT). What travels on the way is transport.py's
business, frames are websocket.py's.
"""

import asyncio
import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

HEADER_BYTES = 16 * 1024
"""Longest header of a proxy's or server's answer that is read."""


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
        status, _ = await http_answer(reader)
    except BaseException:
        writer.close()
        raise
    if not status.startswith("2"):
        writer.close()
        raise ConnectionError(f"the proxy {parts.hostname} said: {status[:80]}")
    return reader, writer


async def http_answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
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
