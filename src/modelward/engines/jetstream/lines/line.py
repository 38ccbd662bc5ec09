"""One mutually authenticated connection to the server, which comes back when it breaks.

What is sent here is repeated until the server has acknowledged it; every receiver can tell
a repetition (message ids, expected sequences), so that is safe. A line that is silent is
found out by pings and dialled again, with waits that grow to a few seconds. What a durable
consumer has is pulled over it by pull.py.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from modelward.engines.jetstream.journal import Journal
from modelward.engines.jetstream.lines.identity import CONNECT_S, Identity, client, let_go
from modelward.engines.jetstream.server.supervised import check_version
from modelward.errors import EngineFailed, MissingExtra

REPLY_S = 30.0
"""Longest wait for one acknowledgement; a megabyte over a very slow link fits in."""

PING_S = 5.0
RETRY_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


# asyncio remarks at each hang-up that TLS has no half-closed connections; nats-py asks for one.
logging.getLogger("asyncio").addFilter(lambda record: "eof_received" not in str(record.msg))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What has gone over the wire, in payload bytes.

    Attributes:
        up: From sites to the hub.
        down: From the hub to sites.
    """

    up: int
    down: int


class Rejected(Exception):
    """The server answered a request with an error of its own.

    Attributes:
        code: JetStream's error code, such as 10071 (wrong last sequence).
        text: What it said.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text = code, text


class Line:
    """An open connection; get one from `Line.dial`, then `close` it.

    Attributes:
        name: Who we are on it.
        sent: Payload bytes sent so far.
        received: Payload bytes received so far.
        journal: Is told what happens on it.
    """

    def __init__(self, identity: Identity, client: Client, journal: Journal) -> None:
        self.name = identity.name
        self.sent = self.received = 0
        self._identity = identity
        self._client = client
        self.journal = journal
        self._up = asyncio.Event()
        self._returns: list[Callable[[], None]] = []
        self._tls = identity.tls()
        self._last = ""

    @classmethod
    async def dial(
        cls, identity: Identity, journal: Journal, *, patience_s: float | None = None
    ) -> Self:
        """Connect, trying again until `patience_s` seconds have passed; for ever if None.

        Raises:
            EngineFailed: If there is no connection by then, with what the server said last.
            MissingExtra: If the server is too old to hold sites apart.
        """
        line = cls(identity, client(identity), journal)
        end = None if patience_s is None else asyncio.get_running_loop().time() + patience_s
        tries, said = 0, ""
        while True:
            try:
                await asyncio.wait_for(line._connect(), CONNECT_S)
            except (NatsError, OSError, TimeoutError, nats.errors.NoServersError) as error:
                before, said = said, line._last or str(error) or type(error).__name__
                if said != before:
                    journal("connect-failed", said=said[:200])
                await line._drop()
                if end is not None and asyncio.get_running_loop().time() >= end:
                    raise _no_line(identity, said) from error
            except MissingExtra:
                await line._drop()
                raise
            else:
                return line
            await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1

    @property
    def connected(self) -> bool:
        """Whether the line is up now."""
        return self._up.is_set()

    def renewed(self) -> None:
        """Use the certificate file as it is now, from the next connection on."""
        self._tls.load_cert_chain(self._identity.certificate, self._identity.key)

    def on_return(self, call: Callable[[], None]) -> None:
        """Have `call` made whenever the line breaks or comes back."""
        self._returns.append(call)

    def off_return(self, call: Callable[[], None]) -> None:
        """Take back `on_return`."""
        self._returns.remove(call)

    async def say(self, subject: str, payload: bytes, *, reply: str = "") -> None:
        """Publish once, without acknowledgement; it is lost if the line does not take it.

        Who says something this way says it again: a sign of life, or a request for more.
        """
        await self._up.wait()
        self.sent += len(payload)
        try:
            await self._client.publish(subject, payload, reply=reply)
        except (NatsError, OSError) as error:
            await self._note(error)

    async def ask(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None
    ) -> Msg:
        """Return the reply to a request, repeating it until there is one."""
        tries = 0
        while True:
            await self._up.wait()
            self.sent += len(payload)
            try:
                reply = await self._once(subject, payload, headers)
            except (NatsError, OSError, TimeoutError):
                await asyncio.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1
                continue
            self.received += len(reply.data)
            return reply

    async def call(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the JSON reply of the server to a request or a stored message.

        Raises:
            Rejected: If the server says no.
        """
        reply = await self.ask(subject, payload, headers)
        table: dict[str, Any] = json.loads(reply.data)
        if "error" in table:
            error = table["error"]
            raise Rejected(error.get("err_code", 0), error.get("description", ""))
        return table

    async def listen(
        self, subject: str | None, call: Callable[[Msg], None]
    ) -> tuple[str, Subscription]:
        """Have `call` made with each message on `subject`, or on a new inbox if None."""

        async def deliver(message: Msg) -> None:
            self.received += len(message.data)
            call(message)

        where = subject or self._client.new_inbox()
        return where, await self._client.subscribe(where, cb=deliver)

    async def close(self) -> None:
        """Send what is pending and hang up."""
        self._up.clear()
        # AttributeError: what nats-py makes of pending bytes when the connection is gone
        with suppress(NatsError, OSError, TimeoutError, AttributeError):
            await asyncio.wait_for(self._client.close(), 5)
        await let_go(self._client)

    async def _once(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None
    ) -> Msg:
        """Return one reply, or raise as soon as the line breaks."""
        broken: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()

        def changed() -> None:
            if not broken.done():
                broken.set_exception(TimeoutError())

        wanted = asyncio.ensure_future(
            self._client.request(
                subject, payload, timeout=REPLY_S, headers=dict(headers) if headers else None
            )
        )
        self.on_return(changed)
        try:
            await asyncio.wait({wanted, broken}, return_when=asyncio.FIRST_COMPLETED)
            return wanted.result() if wanted.done() else broken.result()
        finally:
            self.off_return(changed)
            for each in (wanted, broken):
                if not each.done():
                    each.cancel()
                elif not each.cancelled():
                    each.exception()

    async def _connect(self) -> None:
        parts = urlsplit(self._identity.url)
        await self._client.connect(
            servers=[f"tls://{parts.hostname}:{parts.port}"],
            name=self.name,
            tls=self._tls,
            tls_hostname=parts.hostname,
            tls_handshake_first=True,
            inbox_prefix=f"_INBOX_{self.name}",
            connect_timeout=int(CONNECT_S),
            allow_reconnect=False,  # `dial` tries again: nats-py would not let go
            max_reconnect_attempts=1,
            reconnect_time_wait=RETRY_S[1],  # type: ignore[arg-type]  # seconds, may be a part
            ping_interval=int(PING_S),
            max_outstanding_pings=2,
            pending_size=8 * 1024 * 1024,
            error_cb=self._note,
            disconnected_cb=self._lost,
            reconnected_cb=self._back,
        )
        self._client.options.update(allow_reconnect=True, max_reconnect_attempts=-1)
        check_version(str(self._client.connected_server_version), self._identity.url)
        self._up.set()

    async def _drop(self) -> None:
        """Give up a connection that was never made."""
        with suppress(NatsError, OSError, TimeoutError):
            await asyncio.wait_for(self._client.close(), 1)
        await let_go(self._client)
        self._client = client(self._identity)

    async def _note(self, error: Exception) -> None:
        said = str(error) or type(error).__name__
        if said != self._last:
            self._last = said
            self.journal("line-error", said=said[:200])

    async def _lost(self) -> None:
        if self._up.is_set():
            self._up.clear()
            self.journal("line-lost")
        self._changed()

    async def _back(self) -> None:
        self._last = ""
        self._up.set()
        self.journal("line-back")
        self._changed()

    def _changed(self) -> None:
        for call in list(self._returns):
            call()


def _no_line(identity: Identity, said: str) -> EngineFailed:
    return EngineFailed(
        f"{identity.name} cannot connect to {identity.url}: {said}",
        why="hub and sites talk over mutual TLS through that server, and nothing else",
        remedy="read the end of nats/nats.log in the hub's folder: if the address is in use, "
        "stop the other program or change hub.toml"
        if identity.name in {"hub", "hub-admin"}
        else "check that the hub is up, that the clock is right, and that this site is "
        "still a member: modelward site status",
    )
