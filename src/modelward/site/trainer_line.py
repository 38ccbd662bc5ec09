"""The line between gatekeeper and trainer or inspector: a line of JSON out, one back.

`child` starts the trainer as a process of the gatekeeper, in namespaces or (where the policy
says so) without. `unit` connects to the socket under which systemd starts the trainer as a
unit of its own, with a user that the gatekeeper is not (packaging/systemd): there the
gatekeeper cannot read the snapshot at all.
"""

import json
import select
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from modelward.site.isolation import admit, start

LONGEST_REPLY = 4096
"""Bytes of a reply; it has one field of a few words."""

View = Mapping[str, str | int | bool]
"""What a child is told to enter, see trainer.py."""


class Line:
    """An open line; get one from `child` or `unit`.

    Args:
        writes: Takes lines.
        reads: Gives lines.
        process: The trainer, if it is ours to end.
    """

    def __init__(
        self, writes: BinaryIO, reads: BinaryIO, process: subprocess.Popen[bytes] | None
    ) -> None:
        self._writes, self._reads, self._process = writes, reads, process

    @property
    def pid(self) -> int | None:
        """Process id of the trainer, if it is a child."""
        return None if self._process is None else self._process.pid

    def ask(
        self, question: Mapping[str, Any], *, within_s: float | None = None
    ) -> dict[str, Any] | None:
        """Return the reply to `question`, or None if the trainer is gone or talks nonsense.

        Args:
            question: What is asked.
            within_s: Seconds until no reply counts as none; as long as it takes if absent.
        """
        try:
            self._writes.write(json.dumps(question).encode() + b"\n")
            self._writes.flush()
            if within_s is not None and not select.select([self._reads], [], [], within_s)[0]:
                return None
            line = self._reads.readline(LONGEST_REPLY)
            reply = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError, RecursionError):
            return None
        return reply if isinstance(reply, dict) else None

    def close(self) -> None:
        """End the trainer, or hang up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for stream in (self._writes, self._reads):
            stream.close()


def child(view: View, log: Path, module: str = "modelward.site.trainer") -> Line:
    """Start the trainer, or another `module` that enters a view, as a child process.

    Args:
        view: What it enters.
        log: File that takes what it prints.
        module: What to run.

    Raises:
        OSError: If the kernel refuses a step.
    """
    with log.open("ab") as stream:
        process = start(["-m", module, json.dumps(view)], stream.fileno())
    try:
        if view["namespaces"]:
            admit(process)
    except OSError:
        process.kill()
        process.communicate()
        raise
    if process.stdin is None or process.stdout is None:
        raise OSError("the trainer was started without pipes")
    return Line(process.stdin, process.stdout, process)  # type: ignore[arg-type]


def unit(path: Path, study: str) -> Line:
    """Connect to the socket at `path`, on which systemd starts a trainer for `study`.

    Raises:
        OSError: If nobody listens there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        line = Line(connection.makefile("wb"), connection.makefile("rb"), None)
    if line.ask({"study": study}) != {"entered": True}:
        line.close()
        raise OSError(f"the trainer at {path} does not serve study {study[:12]}…")
    return line
