"""Bytes that have left a site, per study and per day, as its ledger has them.

The ledger is the only record, so the byte budgets of a policy last over restarts. It is
read once, when a figure is first asked for; after that every release is added.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from modelward.core.canonical import Json
from modelward.ledger.entry import stamp

DAY = 10
"""Characters of a date in an entry's `time`: 2026-11-20."""


class Sent:
    """Bytes released so far.

    Args:
        entries: The site's ledger, from its first entry.
        clock: The time, with a time zone; days are counted in UTC.
    """

    def __init__(
        self, entries: Iterable[Mapping[str, Json]], clock: Callable[[], datetime]
    ) -> None:
        self._entries, self._clock = entries, clock
        self._read = False
        self._studies: Counter[str] = Counter()
        self._days: Counter[str] = Counter()

    def for_study(self, study: str) -> int:
        """Return the bytes released for the study with this SHA-256."""
        self._look()
        return self._studies[study]

    def today(self) -> int:
        """Return the bytes released today for all studies."""
        self._look()
        return self._days[self._today()]

    def note(self, study: str, nbytes: int) -> None:
        """Add a release that was just recorded."""
        self._studies[study] += nbytes
        self._days[self._today()] += nbytes

    def _look(self) -> None:
        if self._read:
            return
        self._read = True
        for entry in self._entries:
            size = entry.get("bytes")
            if entry["kind"] == "release" and isinstance(size, int):
                self._studies[str(entry["study"])] += size
                self._days[str(entry["time"])[:DAY]] += size

    def _today(self) -> str:
        return stamp(self._clock().astimezone(UTC))[:DAY]
