"""What waits for a party in a stream, pulled over its line, for ever.

Each pull asks for a batch and stays open for a while; what comes is acknowledged by whoever
dealt with it, and what was not acknowledged comes again. A pull that a broken line took with
it is asked again as soon as the line is back.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from modelward.engines.jetstream.lines.line import RETRY_S, Line

PULL_S = 20.0
"""How long the server holds a pull open."""


async def pull(line: Line, stream: str, consumer: str, *, batch: int) -> AsyncIterator[Msg]:
    """Yield the messages of a durable consumer for ever, asking for `batch` at a time."""
    arrived: asyncio.Queue[Msg | None] = asyncio.Queue()

    def changed() -> None:
        arrived.put_nowait(None)

    inbox, subscription = await line.listen(None, arrived.put_nowait)
    line.on_return(changed)
    request = json.dumps({"batch": batch, "expires": int(PULL_S * 1e9)}).encode()
    try:
        left = 0
        while True:
            if left <= 0:
                subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
                await line.say(subject, request, reply=inbox)
                left = batch
            message = await _next(arrived, PULL_S + 5)
            status = None if message is None else (message.headers or {}).get("Status")
            if message is not None and status is None:
                left -= 1
                yield message
            elif status != "100":  # anything but a heartbeat ends the request
                left = 0
                if status == "503":
                    await asyncio.sleep(RETRY_S[3])
    finally:
        line.off_return(changed)
        with suppress(NatsError, OSError):
            await subscription.unsubscribe()


async def _next(arrived: "asyncio.Queue[Msg | None]", wait_s: float) -> Msg | None:
    try:
        async with asyncio.timeout(wait_s):  # wait_for of Python 3.11 can lose a cancellation
            return await arrived.get()
    except TimeoutError:
        return None
