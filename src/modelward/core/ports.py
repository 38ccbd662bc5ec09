"""What the hub and the data-model network need from a wire, and nothing more."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class Unhurried(Engine, Protocol):
    """An engine whose sites answer different tasks at a time, each at its own pace."""

    def gather(
        self, asked: Mapping[str, Task], *, deadline_s: float | None
    ) -> Iterator[Answer]:
        """Ask each site its own task and yield answers as they arrive, each site at most once.

        Whoever listens may leave before the end: the others go on working, and their answers
        are given when they are asked the same again.

        Args:
            asked: Site -> its task; all of one study.
            deadline_s: As in `ask`.

        Raises:
            EngineFailed: As `ask`.
        """
        ...


class Carrier(Protocol):
    """Carries letters and sealed artifacts between institutions, and reads neither.

    Every institution has one box, which only it writes and every admitted one reads: a
    sequence of letters, numbered from 1, and objects named by their hash. Nothing is ever
    taken out, so who was away for days reads on where it stopped. Implementations:
    engines/shared_folder.py, engines/jetstream/boxes.py.
    """

    def post(self, number: int, letter: bytes) -> None:
        """Put letter `number` into the own box; the same bytes again change nothing.

        Raises:
            MessageRefused: If other bytes lie there, or the letter before is missing.
            EngineFailed: If the wire cannot be reached; posting again later is safe.
        """
        ...

    def read(self, box: str, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield the letters of a box that are numbered above `after`, in order.

        Raises:
            EngineFailed: If the wire cannot be reached.
        """
        ...

    def put(self, digest: str, content: Path) -> None:
        """Store a file under its SHA-256 in the own box, going on after what is there."""
        ...

    def fetch(self, box: str, digest: str, path: Path, *, most: int) -> None:
        """Fetch an object into `path`, whole and hashed; what was cut off goes on.

        Raises:
            BadArtifact: If it is not there, larger than `most` bytes, or has another hash.
            EngineFailed: If the wire cannot be reached.
        """
        ...

    def close(self) -> None:
        """Let go of the wire."""
        ...
