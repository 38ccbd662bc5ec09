"""Where each entry of a ledger starts in its file, and which is the last about a task.

In memory only: log.py fills it as it opens the file and as it appends, eight bytes an entry
and a name for each task. So finding an entry reads one line, whatever the ledger's length.
"""

from array import array
from collections.abc import Mapping

from modelward.core.canonical import Json
from modelward.ledger import entry
from modelward.ledger.appendfile import AppendFile


class Index:
    """The entries of one file.

    Args:
        entries: The file.
    """

    def __init__(self, entries: AppendFile) -> None:
        self._entries = entries
        self._starts = array("Q")
        self._latest: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, recorded: Mapping[str, Json], start: int) -> None:
        """Take in the next entry, which starts at byte `start`."""
        task = recorded.get("task")
        if isinstance(task, str):
            self._latest[task] = len(self._starts)
        self._starts.append(start)

    def latest(self, task: str) -> int | None:
        """Return the number of the last entry about `task`, or None."""
        return self._latest.get(task)

    def read(self, seq: int) -> Mapping[str, Json]:
        """Return entry `seq`, read from the file."""
        last = seq + 1 == len(self._starts)
        stop = self._entries.size if last else self._starts[seq + 1]
        return entry.decode(self._entries.read(self._starts[seq], stop))
