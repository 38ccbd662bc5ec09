"""One process of a peer, with a time limit, a loopback of its own, and nothing left behind.

Peers start servers and workers of their own. Linux namespaces keep all of that on a loopback
that nobody else sees, and end it with its first process. Where the kernel does not allow
them, the process has a session of its own, and that is ended.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

APART = shlex.split(
    "unshare --user --map-root-user --net --pid --fork --kill-child --mount-proc sh -c"
)
BEGIN = 'ip link set lo up && exec "$0" "$@"'


@cache
def apart() -> list[str]:
    """Return what stands before a command to run it in namespaces; nothing if not allowed."""
    try:
        tried = subprocess.run([*APART, BEGIN, "true"], check=False, capture_output=True)
    except FileNotFoundError:
        return []
    return [*APART, BEGIN] if tried.returncode == 0 else []


def run(command: Sequence[str], folder: Path, known: Mapping[str, str], limit_s: float) -> str:
    """Run `command` in `folder`, its output in `folder`/log; return what went wrong, or "".

    Args:
        command: Program and arguments.
        folder: Its working and home folder.
        known: Environment beside PATH, HOME and one thread.
        limit_s: Seconds after which it is stopped.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    own = {"HOME": str(folder), "OMP_NUM_THREADS": "1", **known}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*apart(), *command],
            cwd=folder,
            env=kept | own,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"stopped after {limit_s:g} s"
    return f"failed with exit code {process.returncode}" if process.returncode else ""
