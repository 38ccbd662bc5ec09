"""A journal of write-once decisions, as files: what was decided stays decided after a crash.

    FOLDER/<study>-<round>-<kind>/<name>     one decision, written whole before it is acted on

A site keeps one for each question it is asked (seat.py), the hub one as well. Who opens a
journal holds the lock of the folder around it, so nobody else writes meanwhile.
"""

from pathlib import Path
from typing import Self

from modelward import durable
from modelward.core.task import Task
from modelward.errors import StorageError


class FileJournal:
    """Decisions about one question of one study.

    Args:
        folder: Created with the first decision.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, folder: Path, question: Task, group: int | None = None) -> Self:
        """Return the journal of `question` among those in `folder`.

        Another question of the same kind in the same round has the same journal, so it
        meets the decisions that were taken for the first. A hub with several groups of sites
        keeps one for each.
        """
        named = f"{question.study}-{question.round_no}-{question.kind}"
        return cls(folder / (named if group is None else f"{named}-{group}"))

    def once(self, name: str, value: bytes, /) -> bytes:
        """Keep `value` under `name` unless something is kept there; return what is kept.

        Raises:
            StorageError: If it cannot be written or read; then nothing may be acted on.
        """
        found = self.kept(name)
        if found is not None:
            return found
        durable.make_folder(self._folder)
        durable.write_whole(self._folder / name, value, mode=0o600)
        return value

    def kept(self, name: str) -> bytes | None:
        """Return what is kept under `name`, or None.

        Raises:
            StorageError: If it is there and cannot be read.
        """
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(
                f"a decision about a masked sum cannot be read: {error}",
                why="who does not know what was decided could decide otherwise",
                remedy="restore the folder of the journal, then start again",
            ) from error
