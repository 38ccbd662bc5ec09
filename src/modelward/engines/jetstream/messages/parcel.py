"""What one message on the wire carries: a signed message, and a small artifact behind it.

The signed message is one line of JSON; what follows its newline are the bytes of the
artifact that it names by hash. Larger artifacts lie in a bucket instead (objects.py).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256

from nats.aio.msg import Msg

from modelward.engines.jetstream.messages.streams import ACK_S
from modelward.errors import MessageRefused

INLINE = 128 * 1024
"""Longest artifact that travels with its message, in bytes."""

KIND = "Modelward-Kind"
"""Header that tells a certificate from a signed message."""

LARGEST = 4 * 1024**3
"""Longest artifact that is fetched, in bytes."""


def pack(message: bytes, attached: bytes | None) -> bytes:
    """Return a signed message and what travels with it as one payload."""
    return message if attached is None else message + b"\n" + attached


def unpack(payload: bytes) -> tuple[bytes, bytes | None]:
    """Return the signed message and what travelled with it, or None."""
    message, found, attached = payload.partition(b"\n")
    return message, attached if found else None


def check_attached(attached: bytes, digest: str) -> None:
    """Raise MessageRefused unless `attached` has the hash that its message names."""
    if sha256(attached).hexdigest() != digest:
        raise MessageRefused(
            f"what came with a message is not the artifact {digest[:12]}… that it names",
            why="an artifact is what its signed hash says, or it is not used",
            remedy="have it sent again",
        )


@asynccontextmanager
async def being_worked_on(message: Msg) -> AsyncIterator[None]:
    """Tell the server meanwhile that `message` is not lost, so that it does not come again."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(ACK_S / 3)
            await message.in_progress()

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await telling
