"""A site's mail between witnesses, for a wire that asks every now and then what there is.

What came in is dealt with at once (ledger/circle.py); what is to go out is kept here until
the wire takes it: replies to the checkpoints of others, and the site's own checkpoint when
its ledger has grown. Mail that is lost with a crash is made again: a witness says what it
knows, and the site goes on from there.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from modelward.core.canonical import Json
from modelward.ledger import mail
from modelward.ledger.circle import Circle
from modelward.ledger.mail import Mail, Reply
from modelward.ledger.ring import HUB


class Mailbag:
    """The mail of one site. Use it from the thread that uses the ledger.

    Args:
        circle: The site's part in witnessing.
    """

    def __init__(self, circle: Circle) -> None:
        self._circle = circle
        self._replies: list[Reply] = []

    def compared_since(self, patience_s: float) -> Callable[[], bool]:
        """Return what says whether tasks may be answered now.

        A ledger with entries is first held against what the hub knows of it as a witness;
        a site that was rolled back stops there (`Circle.stopped`). Who hears nothing for
        `patience_s` seconds goes on: its witnesses are heard later, and what they know
        still stops it then.
        """
        end = time.monotonic() + patience_s
        circle = self._circle
        return lambda: not circle.has_entries or HUB in circle.heard or time.monotonic() >= end

    def hear(self, body: Mapping[str, Any]) -> None:
        """Deal with mail that the hub has passed on.

        Raises:
            LedgerBroken: If it cannot be read, or brings another key for a known party.
            StorageError: If what is cosigned cannot be recorded; then nothing is.
        """
        self._replies += self._circle.exchange(mail.from_body(body))

    def out(self) -> dict[str, Json] | None:
        """Return what is to go to the hub now, once, or None."""
        made = Mail(shown=self._circle.show(), replies=tuple(self._replies))
        self._replies = []
        return made.body() if made else None
