"""Whether the hub's server can be reached as this party, and whether the clocks agree."""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg

from modelward.doctor.check import Check, ok
from modelward.engines.jetstream.identity import Identity
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.line import Line
from modelward.engines.jetstream.presence import EVERY_S, WRONG_S

Clock = Callable[[], datetime]


def reach(identity: Identity, other: str, clock: Clock) -> Iterator[Check]:
    """Connect once, and listen for the other side's sign of life.

    Args:
        identity: Who dials whom, and on what way.
        other: Whose time to compare, such as `hub`; "" for nobody's.
        clock: Our time.

    Raises:
        EngineFailed: If there is no connection, with what was said last.
        MissingExtra: If the server is too old.
    """
    heard = asyncio.run(_heard(identity, other, clock))
    by = f" through {identity.way.proxy.rpartition('@')[2]}" if identity.way.proxy else ""
    yield ok("connection", f"{identity.name} reaches {identity.url}{by}")
    if other and heard is None:
        yield Check(
            other,
            "warning",
            f"no sign of life of {other} within {2 * EVERY_S:.0f} seconds",
            "the server is up, and nobody serves studies on it",
            "ask the other side to run: modelward hub up HUB",
        )
    elif heard is not None:
        yield _skew(other, heard)


def _skew(other: str, seconds: float) -> Check:
    if abs(seconds) <= WRONG_S:
        return ok("clocks", f"the clock of {other} is {seconds:+.1f} s from this one")
    return Check(
        "clocks",
        "failed" if abs(seconds) >= 5 * WRONG_S else "warning",
        f"the clock of {other} is {seconds:+.0f} s from this one",
        "from five minutes on, messages of the other side are refused as too old or too new",
        "compare both with a time server (chronyc tracking), and set the wrong one",
    )


async def _heard(identity: Identity, other: str, clock: Clock) -> float | None:
    """Return how many seconds the other side's clock is ahead; None if it is not heard."""
    line = await Line.dial(identity, silent, patience_s=0)
    arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def hear(message: Msg) -> None:
        said: dict[str, Any] = json.loads(message.data)
        if not arrived.done():
            told = datetime.fromisoformat(said["time"])
            arrived.set_result((told - clock()).total_seconds())

    try:
        if not other:
            return None
        await line.listen(f"fl.ann.{other}", hear)
        return await asyncio.wait_for(arrived, 2 * EVERY_S)
    except TimeoutError:
        return None
    finally:
        await line.close()
