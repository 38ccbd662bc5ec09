"""How far a large artifact has come, told in the journal every few seconds.

Whoever watches a node over a slow link sees that it works, and when it will be done. What is
over within `EVERY_S` is not told.
"""

import time
from collections.abc import Callable
from typing import Literal

from modelward.engines.jetstream.journal import Journal

EVERY_S = 5.0


class Transfer:
    """One artifact on its way.

    Args:
        journal: Is told.
        way: Whether we send it or fetch it.
        digest: Its SHA-256, hex.
        clock: Seconds from a monotonic clock.
    """

    def __init__(
        self,
        journal: Journal,
        way: Literal["sending", "fetching"],
        digest: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal, self._way, self._digest, self._clock = journal, way, digest, clock
        self._began = self._told = clock()
        self._from = -1
        self._any = False

    def at(self, done: int, of: int) -> None:
        """Tell that `done` bytes of `of` are there, unless that was told just now.

        The first call says where it goes on; the rate that time left is told from is that
        since then.
        """
        now = self._clock()
        if self._from < 0:
            self._from = done
        due = now - self._told >= EVERY_S or (self._any and done == of)
        if not due:
            return
        self._told, self._any = now, True
        moved, seconds = done - self._from, now - self._began
        left = round(seconds * (of - done) / moved) if moved > 0 else None
        self._journal(
            self._way,
            artifact=self._digest,
            bytes=done,
            of=of,
            percent=100 * done // max(of, 1),
            seconds_left=left,
        )
