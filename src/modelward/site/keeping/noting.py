"""What a site refuses before its door, in its ledger: each reason once, and not without end.

Tasks of studies that nobody approved and messages that cannot be relied on cost their sender
nothing. Each reason is recorded once while the node runs; when there are more than `MOST` on
one day, one last entry says that the rest is not recorded, so that nobody can fill a site's
disk and memory by asking.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime

from modelward.core.canonical import Json
from modelward.core.task import Task
from modelward.core.verdict import Finding
from modelward.errors import ModelwardError
from modelward.ledger import kinds
from modelward.ledger.log import Ledger

MOST = 10_000
"""Reasons that are recorded before a day's rest is not: four megabytes of entries or so."""


class Noting:
    """The refusals of one running node.

    Args:
        ledger: The site's ledger.
        clock: The time, for days.
        most: Reasons that are recorded; see `MOST`.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], most: int = MOST) -> None:
        self._ledger, self._clock, self._most = ledger, clock, most
        self._seen: set[tuple[str, str]] = set()
        self._full: date | None = None

    def message(self, study: str, error: ModelwardError) -> None:
        """Record a message that was refused.

        Args:
            study: The study that it claims to belong to; "" if it cannot be read.
            error: Why.
        """
        if self._is_new((study, error.what)):
            said: dict[str, Json] = {"finding": error.what[:400]}
            if study:
                said["study"] = study
            self._ledger.append(kinds.fields("message", **said))

    def task(self, task: Task, findings: tuple[Finding, ...]) -> None:
        """Record a task that was not let in; it is no decision, another day may differ."""
        if self._is_new((task.id, findings[0].says)):
            self._ledger.append(
                kinds.fields(
                    "intake",
                    study=task.study,
                    round=max(task.round_no, 0),
                    asked=task.id,
                    findings=[asdict(finding) for finding in findings],
                )
            )

    def _is_new(self, reason: tuple[str, str]) -> bool:
        """Return whether `reason` is to be recorded; remember it then."""
        if reason in self._seen:
            return False
        if len(self._seen) >= self._most and not self._goes_on():
            return False
        self._seen.add(reason)
        return True

    def _goes_on(self) -> bool:
        """Begin anew on another day; say once that the rest of this one is not recorded."""
        today = self._clock().date()
        if self._full is None:
            self._full = today
            said = (
                f"more than {self._most:,} reasons to refuse: the rest of {today} is not here"
            )
            self._ledger.append(kinds.fields("message", finding=said))
        if self._full == today:
            return False
        self._seen.clear()
        self._full = None
        return True
