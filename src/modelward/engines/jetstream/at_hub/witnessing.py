"""The hub's end of witnessing on the wire: mail in, mail out, and who is not asked.

Mail is looked after every second, beside the rounds and not within them: a site sends its
checkpoint when its ledger has grown, the hub passes it on with its own cosignature. So a
round waits for no witness, and its entries are cosigned a few seconds later.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from modelward.artifact.envelope import Envelope, Kind
from modelward.core.canonical import Json
from modelward.engines.jetstream.journal import Journal
from modelward.errors import LedgerBroken, MessageRefused
from modelward.hub.switchboard import Switchboard
from modelward.ledger import mail
from modelward.ledger.mail import NO_STUDY
from modelward.ledger.note import VerifierKey

QUIET_S, LONGEST_S = 2.5, 8.0
"""At the end of a run: how long no mail must come, and how long is waited at most."""


class Tells(Protocol):
    """Who sends; engines/jetstream/at_hub/hub_end.py does."""

    def tell(
        self, sites: list[str], kind: Kind, study: str, round_no: int, body: Mapping[str, Json]
    ) -> None:
        """Send a signed message to `sites`."""
        ...


class Witnessing:
    """Mail between the hub and its members; close it when done.

    Args:
        engine: The wire.
        folder: The hub's folder.
        key: Its signing key.
        members: Who has access now, and their signing keys; looked up anew.
        journal: Is told of alarms.
        clock: The time of cosignatures.
    """

    def __init__(
        self,
        engine: Tells,
        folder: Path,
        key: Ed25519PrivateKey,
        members: Mapping[str, Ed25519PublicKey],
        journal: Journal,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine, self._members, self._journal = engine, members, journal
        self._board = Switchboard(folder, key, clock)
        self._lock = threading.Lock()
        self._last = time.monotonic()

    def hear(self, envelope: Envelope) -> None:
        """Take in mail of a site; runs in a thread of the wire.

        Raises:
            MessageRefused: If it cannot be read.
        """
        try:
            found = mail.from_body(envelope.body)
        except LedgerBroken as error:
            raise MessageRefused(error.what, why=error.why, remedy=error.remedy) from error
        with self._lock:
            self._meet()
            raised = self._board.incoming(_origin(envelope.sender), found)
            self._last = time.monotonic()
        for alarm in raised:
            self._journal("alarm", finding=alarm.finding, ledger=alarm.states[0].origin)

    def look(self) -> None:
        """Send every member what is put by for it."""
        for site in sorted(dict(self._members)):
            with self._lock:
                self._meet()
                made = self._board.outgoing(_origin(site))
            if made or made.keys:
                self._engine.tell([site], "witness", NO_STUDY, 0, made.body())

    def _meet(self) -> None:
        self._board.meet(
            VerifierKey(_origin(name), key.public_bytes_raw())
            for name, key in dict(self._members).items()
        )

    def stopped(self) -> set[str]:
        """Return the members that are not asked, because an alarm stands."""
        with self._lock:
            return {site for site in dict(self._members) if self._board.stopped(_origin(site))}

    def finish(self, pause_s: float) -> None:
        """Go on until no mail has come for a while: what was recorded last is seen too."""
        began = self._last = time.monotonic()
        while time.monotonic() < min(self._last + QUIET_S, began + LONGEST_S):
            self.look()
            time.sleep(pause_s)

    def close(self) -> None:
        """Let go of the files."""
        self._board.close()


def _origin(site: str) -> str:
    return f"modelward/{site}"
