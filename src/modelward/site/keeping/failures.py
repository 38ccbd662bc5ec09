"""A trainer that gave no answer, in the ledger: once a task, and in none of its own words.

It is no decision about the task, which may be asked again. The finding says what the
gatekeeper has seen (workroom.py): it died, or it reported one of a closed list of classes.
"""

from dataclasses import asdict

from modelward.core.canonical import Json
from modelward.core.task import Task
from modelward.core.verdict import Finding
from modelward.errors import TrainingFailed
from modelward.ledger import kinds
from modelward.ledger.log import Ledger


class Failures:
    """What failed since the start.

    Args:
        ledger: The site's ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._noted: set[str] = set()

    def note(self, task: Task, error: TrainingFailed) -> None:
        """Record that `task` has no answer, unless that is recorded.

        Raises:
            StorageError: If it cannot be recorded.
        """
        if task.id in self._noted:
            return
        self._noted.add(task.id)
        found: Json = asdict(Finding("trainer", error.what, error.remedy))
        self._ledger.append(
            kinds.fields(
                "failure",
                study=task.study,
                round=task.round_no,
                asked=task.id,
                findings=[found],
            )
        )
