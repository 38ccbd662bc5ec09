"""What the hub needs from a wire, and nothing more."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from modelward.core.task import Task
from modelward.core.verdict import Answer


class Engine(Protocol):
    """A way to reach sites. Implementations: engines/."""

    def ask(
        self, task: Task, sites: Sequence[str], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask `sites` and yield their answers as they arrive, each site at most once.

        Ends when every site has answered, or when `deadline_s` seconds have passed; sites
        that are missing by then were silent.

        Raises:
            EngineFailed: If the wire itself cannot go on. Answers already given are safe:
                the same question asked again brings the same bytes.
        """
        ...
