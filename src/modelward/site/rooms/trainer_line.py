"""The line between gatekeeper and trainer: one line of JSON out, one line back.

`child` starts the trainer as a process of the gatekeeper, in namespaces or (where the policy
says so) without. `unit` connects to the socket under which systemd starts the trainer as a
unit of its own, with a user that the gatekeeper is not (packaging/systemd): there the
gatekeeper cannot read the snapshot at all.
"""

import json
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any, BinaryIO

from modelward import durable
from modelward.site.isolation.view import admit, start

LONGEST_REPLY = 4096
"""Bytes of a reply; it has one field of a few words."""

START_S = 60.0
"""Seconds that systemd and the trainer have to come up."""

View = Mapping[str, str | int | bool]
"""What a child is told to enter, see trainer.py."""


class Line:
    """An open line; get one from `child` or `unit`.

    Args:
        writes: Takes lines.
        reads: Gives lines.
        process: The trainer, if it is ours to end.
        connection: The connection to it, if it is not.
    """

    def __init__(
        self,
        writes: BinaryIO,
        reads: BinaryIO,
        process: subprocess.Popen[bytes] | None,
        connection: socket.socket | None = None,
    ) -> None:
        self._writes, self._reads, self._process = writes, reads, process
        self._connection = connection

    @property
    def pid(self) -> int | None:
        """Process id of the trainer, if it is a child."""
        return None if self._process is None else self._process.pid

    def ask(self, question: Mapping[str, Any], limit_s: float) -> dict[str, Any] | None:
        """Return the reply to `question`; None if the trainer is gone or talks nonsense.

        Args:
            question: What is asked.
            limit_s: Seconds after which it is ended.
        """
        limit = Timer(limit_s, self.kill)
        limit.daemon = True
        limit.start()
        try:
            return self._exchange(question)
        finally:
            limit.cancel()

    def kill(self) -> None:
        """End the trainer, or hang up, while another thread waits for its reply."""
        if self._process is not None:
            self._process.kill()
        elif self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _exchange(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            self._writes.write(json.dumps(question).encode() + b"\n")
            self._writes.flush()
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
        for stream in (self._writes, self._reads, self._connection):
            if stream is not None:
                stream.close()


def child(view: View, log: Path, module: str = "modelward.site.rooms.trainer") -> Line:
    """Start the trainer, or another `module` that enters a view, as a child process.

    Args:
        view: What it enters.
        log: File that takes what it prints.
        module: What to run.

    Raises:
        OSError: If the kernel refuses a step.
    """
    with durable.open_log(log) as stream:
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
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    line = Line(connection.makefile("wb"), connection.makefile("rb"), None, connection)
    if line.ask({"study": study}, START_S) != {"entered": True}:
        line.close()
        raise OSError(f"the trainer at {path} does not serve study {study[:12]}…")
    return line
