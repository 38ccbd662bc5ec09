"""How long the rounds of a deployed study took, as the hub saw them."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from modelward import durable
from modelward.engines.jetstream.lines.line import Traffic
from modelward.hub.run import Progress


@dataclass(slots=True)
class Clockwork:
    """How long rounds took, from the first question to the commit.

    Attributes:
        round_ms: Milliseconds of each finished round, in order.
    """

    round_ms: list[float] = field(default_factory=list)
    _began: dict[int, float] = field(default_factory=dict)

    def see(self, progress: Progress) -> None:
        """Take in what the hub is doing."""
        if progress.finished is None:
            self._began.setdefault(progress.round_no, time.perf_counter())
        elif progress.round_no in self._began:
            took = time.perf_counter() - self._began.pop(progress.round_no)
            self.round_ms.append(took * 1000)

    def write(self, path: Path, before: Traffic, after: Traffic) -> None:
        """Write the figures of a finished study: its rounds, and what went over the wire.

        Args:
            path: The file.
            before: What had gone over the line when the study began.
            after: What has gone over it by now.

        Raises:
            StorageError: If it cannot be written.
        """
        figures = {
            "round_ms": self.round_ms,
            "bytes_up": after.up - before.up,
            "bytes_down": after.down - before.down,
        }
        durable.write_whole(path, json.dumps(figures).encode())
