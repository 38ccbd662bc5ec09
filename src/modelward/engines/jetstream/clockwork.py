"""How long the rounds of a deployed study took, as the hub saw them."""

import time
from dataclasses import dataclass, field

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
