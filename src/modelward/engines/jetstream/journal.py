"""What a hub or site node did, as one JSON object a line, for whoever runs it.

An entry has a time, a name from this code and a few short fields: names, hashes, counts and
sizes. Exception texts and anything that was computed from patients are never among them; a
test trains on marked values and looks for them here.
"""

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TextIO

Field = str | int | float | bool | None


class Journal(Protocol):
    """Somewhere to note what happened."""

    def __call__(self, event: str, /, **fields: Field) -> None:
        """Note `event`."""
        ...


def silent(event: str, /, **fields: Field) -> None:
    """Note nothing."""


def to_stream(clock: Callable[[], datetime], stream: TextIO | None = None) -> Journal:
    """Return a journal that writes lines to `stream`; to stderr if None."""
    out = stream or sys.stderr

    def note(event: str, /, **fields: Field) -> None:
        entry = {"time": clock().isoformat(timespec="milliseconds"), "event": event, **fields}
        out.write(json.dumps(entry) + "\n")
        out.flush()

    return note
