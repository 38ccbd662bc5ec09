"""A party that is stopped ends, also when a message comes at that very moment."""

import asyncio

from nats.aio.client import Client
from nats.aio.msg import Msg

from modelward.engines.jetstream.lines.pull import _next


def test_a_message_at_the_moment_of_a_cancellation_does_not_undo_it():
    async def ended() -> bool:
        arrived: asyncio.Queue[Msg | None] = asyncio.Queue()

        async def serve() -> None:
            while True:
                await _next(arrived, 60)

        serving = asyncio.create_task(serve())
        await asyncio.sleep(0.01)
        arrived.put_nowait(Msg(Client()))
        await asyncio.sleep(0)  # the message is on its way to whoever waits
        serving.cancel()
        await asyncio.wait({serving}, timeout=2)
        return serving.cancelled()

    assert asyncio.run(ended())
