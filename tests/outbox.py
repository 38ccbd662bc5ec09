"""What a hostile trainer leaves in its outbox, and a line to one that says what a test says."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from modelward.artifact import bundle
from modelward.site.rooms.trainer_line import Line
from modelward.study.answers import answer_to
from tests.sites import newton

MARK = "MRN-4711"
"""What identifies somebody, and may be nowhere."""

SCHEMA = answer_to(newton(), "statistics")[1]

Act = Callable[[Path], object]


def proper() -> bytes:
    """Return the bundle that is asked for, of zeros."""
    return bundle.to_bytes({s.name: np.zeros(s.shape) for s in SCHEMA}, SCHEMA)


def with_header(change: Callable[[str], str]) -> bytes:
    """Return the proper bundle with another header of a length that it names."""
    raw = proper()
    size = int.from_bytes(raw[:8], "little")
    header = change(raw[8 : 8 + size].decode().rstrip()).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


def scripted_line(act: Callable[[], object], reply: bytes) -> Line:
    """Return a line to a trainer that acts and replies, whatever it is asked."""
    ours, theirs = os.pipe()
    answers, says = os.pipe()

    def hostile() -> None:
        with os.fdopen(ours, "rb") as asked, os.fdopen(says, "wb") as told:
            for _ in asked:
                act()
                try:
                    told.write(reply)
                    told.flush()
                except BrokenPipeError:
                    return

    threading.Thread(target=hostile, daemon=True).start()
    return Line(os.fdopen(theirs, "wb"), os.fdopen(answers, "rb"), None)
