"""Who dials whom, with which certificate, and by which way."""

import asyncio
import ssl
from asyncio import StreamWriter
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from nats.aio.client import Client, Srv

from modelward.engines.jetstream.lines.transport import Stream
from modelward.engines.jetstream.lines.way import Way
from modelward.engines.jetstream.lines.websocket import WebSocket
from modelward.errors import EngineFailed

CONNECT_S = 10.0
"""Longest that one attempt may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who dials whom.

    Attributes:
        name: The user that the certificate maps to.
        url: The server's address.
        ca: The authority's certificate file.
        certificate: The own certificate file; read again when it was renewed.
        key: The own private key file.
        way: What lies between; nothing, if absent.
    """

    name: str
    url: str
    ca: Path
    certificate: Path
    key: Path
    way: Way = field(default_factory=Way)

    def tls(self) -> ssl.SSLContext:
        """Return TLS 1.3 with the own certificate, trusting the hub's authority alone.

        Raises:
            EngineFailed: If a file of the certificates is not there.
        """
        terms = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        terms.minimum_version = ssl.TLSVersion.TLSv1_3
        for path in (self.ca, self.certificate, self.key):
            if not path.exists():
                raise EngineFailed(
                    f"{path} is not there, so {self.name} has no line to {self.url}",
                    why="both ends of a line show certificates",
                    remedy="join the hub; with an own leaf, run it: modelward exchange leaf",
                )
        terms.load_verify_locations(cafile=self.ca)
        terms.load_cert_chain(self.certificate, self.key)
        return terms


class _Direct(Client):
    """nats-py's client with nothing on the way.

    Of an attempt that was not answered it would keep the socket open, and forget it with the
    next one: half-open links would gather.
    """

    async def _connect_to_server(  # type: ignore[explicit-override]  # since Python 3.12
        self, s: Srv
    ) -> None:
        """Hang up what the last attempt left, and dial anew."""
        hang_up(self)
        self._transport = None
        await super()._connect_to_server(s)


class _Routed(Client):
    """nats-py's client on a way of our own."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self._way = way

    async def _connect_to_server(  # type: ignore[explicit-override]  # since Python 3.12
        self, s: Srv
    ) -> None:
        """Open the way, anew at each attempt; nats-py goes on from there."""
        s.last_attempt = monotonic()
        hang_up(self)
        kind = WebSocket if self._way.websocket else Stream
        self._transport = stream = kind(self._way)
        await stream.connect(s.uri, 0, int(CONNECT_S))


def hang_up(client: Client) -> None:
    """Let go of the socket at once, whatever was not sent: a stalled link takes nothing.

    nats-py's own end waits until everything was taken, and is given up after a while; its
    socket would stay open then.
    """
    carrier = client._transport
    for name in ("_bare_io_writer", "_below", "_writer"):
        writer: StreamWriter | None = getattr(carrier, name, None)
        if writer is not None:
            writer.transport.abort()


async def let_go(client: Client) -> None:
    """End what a client that was closed is still doing, and its sockets.

    An attempt to connect again can outlive the end: `wait_for` of Python 3.11 loses a
    cancellation that comes as what it waits for is done.
    """
    again = client._reconnection_task
    for _ in range(3):
        if again is None or again.done():
            break
        again.cancel()
        await asyncio.wait({again}, timeout=1)
    hang_up(client)
    await asyncio.sleep(0)  # the loop closes sockets when it comes round


def client(identity: Identity) -> Client:
    """Return a client that goes the way of `identity`; it is not connected yet."""
    websocket = urlsplit(identity.url).scheme == "wss"
    way = replace(identity.way, websocket=websocket)
    return _Direct() if way.plain else _Routed(way)
