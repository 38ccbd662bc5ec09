"""Whether the hub's server can be reached as this party, and whether the clocks agree."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg

from modelward.doctor.check import Check, ok
from modelward.engines.jetstream.journal import silent
from modelward.engines.jetstream.lines.identity import Identity
from modelward.engines.jetstream.lines.line import Line
from modelward.engines.jetstream.lines.presence import EVERY_S, WRONG_S

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
    told = asyncio.run(_heard(identity, other))
    by = f" through {identity.way.proxy.rpartition('@')[2]}" if identity.way.proxy else ""
    yield ok("connection", f"{identity.name} reaches {identity.url}{by}")
    if other and told is None:
        yield Check(
            other,
            "warning",
            f"no sign of life of {other} within {2 * EVERY_S:.0f} seconds",
            "the server is up, and nobody serves studies on it",
            "ask the other side to run: modelward hub up HUB",
        )
    elif told is not None:
        ahead = datetime.fromisoformat(told["time"]) - clock()
        yield _skew(other, ahead.total_seconds())
        yield from _replays(other, identity.name, told)


def _replays(other: str, name: str, told: Mapping[str, Any]) -> Iterator[Check]:
    """Say that the other side refuses what we send, if its sign of life says so."""
    if name in told.get("replays", ()):
        yield Check(
            "messages",
            "failed",
            f"{other} refuses messages of {name} as replays: their numbers were used before",
            "so it is after a restore that was not told: nothing that is sent here arrives",
            "stop the node, then: modelward site restored SITE (docs/operations/upgrade.md)",
        )


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


async def _heard(identity: Identity, other: str) -> dict[str, Any] | None:
    """Return the other side's next sign of life; None if it is not heard."""
    line = await Line.dial(identity, silent, patience_s=0)
    arrived: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    def hear(message: Msg) -> None:
        if not arrived.done():
            arrived.set_result(json.loads(message.data))

    try:
        if not other:
            return None
        await line.listen(f"fl.ann.{other}", hear)
        return await asyncio.wait_for(arrived, 2 * EVERY_S)
    except TimeoutError:
        return None
    finally:
        await line.close()
