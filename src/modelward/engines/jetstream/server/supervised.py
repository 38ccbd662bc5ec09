"""A supervised nats-server: found, checked, started, reloaded, restarted, stopped.

The server is a child process with a thread that watches over it. It dies with this process
(PR_SET_PDEATHSIG) and is started again when it dies alone; streams are on disk, every
message synced, so nothing acknowledged is lost. A configuration is tested before it is put
in place, and a reload counts only when the log says so: `--signal reload` exits 0 even
when the server kept the old one.
"""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from modelward import durable
from modelward.errors import EngineFailed, MissingExtra

NEEDED = (2, 12, 7)
"""Earlier servers have ways around certificate mapping and around leaf-node permissions."""

READY_S = 15.0
RELOAD_S = 5.0
_PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)
_PR_SET_PDEATHSIG = 1


def find_server() -> Path:
    """Return the nats-server on PATH, or the one that the `server` extra installed.

    Raises:
        MissingExtra: If there is none, or only one before 2.12.7.
    """
    beside = Path(sys.executable).parent / "nats-server"
    on_path = shutil.which("nats-server")
    found = [path for path in (on_path, beside) if path and os.access(path, os.X_OK)]
    if not found:
        raise MissingExtra(
            "nats-server is not installed",
            why="hub and sites talk through it",
            remedy="pip install 'modelward[server]', or put nats-server >= 2.12.7 on PATH",
        )
    path = Path(found[0])
    said = subprocess.run(  # noqa: S603 - the program that was just found
        [path, "--version"], capture_output=True, text=True, check=False, timeout=30
    ).stdout
    check_version(said, path)
    return path


def check_version(said: str, path: Path | str) -> None:
    """Raise MissingExtra unless `said`, the output of --version, is 2.12.7 or later."""
    number = re.search(r"v(\d+)\.(\d+)\.(\d+)", said)
    if number is None or tuple(map(int, number.groups())) < NEEDED:
        wanted = ".".join(map(str, NEEDED))
        raise MissingExtra(
            f"{path} is {said.strip() or 'no nats-server'}, and {wanted} is needed",
            why="earlier servers have ways around the mapping of certificates to sites",
            remedy="pip install -U 'modelward[server]', or put a newer nats-server on PATH",
        )


def write_configuration(folder: Path, text: str) -> None:
    """Put `text` in place as `nats.conf` in `folder`, if the server accepts it.

    Raises:
        EngineFailed: If it does not; the old file stays.
    """
    durable.make_folder(folder)
    offered = folder / "nats.conf.new"
    durable.write_whole(offered, text.encode(), mode=0o600)
    tested = subprocess.run(  # noqa: S603 - our own server and file
        [find_server(), "-t", "-c", offered],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if tested.returncode != 0:
        raise EngineFailed(
            f"nats-server refuses the configuration: {tested.stderr.strip()[-400:]}",
            why="a server that cannot read who is a member must not be told to",
            remedy=f"look at {offered}; the configuration before it is still in place",
        )
    offered.replace(folder / "nats.conf")
    durable.sync_folder(folder)


def reload(folder: Path) -> bool:
    """Have the server that runs in `folder`, if any, take its configuration; wait for it.

    Returns:
        Whether a server was running.

    Raises:
        EngineFailed: If it did not say that it took it.
    """
    pid = running(folder)
    if pid is None:
        return False
    log = folder / "nats.log"
    start = log.stat().st_size if log.exists() else 0
    os.kill(pid, signal.SIGHUP)
    end = time.monotonic() + RELOAD_S
    while time.monotonic() < end:
        said = _since(log, start)
        if "Reloaded server configuration" in said:
            return True
        if "Failed to reload" in said:
            break
        time.sleep(0.002)
    raise EngineFailed(
        "nats-server did not take the new configuration",
        why="who was admitted or removed is not in force until it says so",
        remedy=f"see the end of {log}, then stop and start: modelward hub up",
    )


def restart(folder: Path) -> bool:
    """Have the server that runs in `folder`, if any, start anew; wait until it listens.

    For configurations that the server does not take while it runs, such as who may connect
    by WebSocket. Whoever supervises it starts it again; connections come back by themselves.

    Returns:
        Whether a server was running.

    Raises:
        EngineFailed: If it does not come back.
    """
    pid = running(folder)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if running(folder) not in {None, pid}:
            return True
        time.sleep(0.01)
    raise EngineFailed(
        "nats-server did not start again with the new configuration",
        why="who was admitted or removed is not in force until it runs",
        remedy=f"see the end of {folder / 'nats.log'}, then stop and start: modelward hub up",
    )


def running(folder: Path) -> int | None:
    """Return the process id of the server that runs in `folder`, or None."""
    try:
        pid = int((folder / "nats.pid").read_text())
        program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(folder.resolve() / "nats.conf").encode() in program else None


class NatsServer:
    """A nats-server that is kept running; use as a context manager, or call `stop`.

    Args:
        folder: Holds `nats.conf` from `write_configuration`; log, pid and streams go there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._program = find_server()
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self._thread = threading.Thread(target=self._watch, name="nats-server", daemon=True)
        self._thread.start()
        if not self._ready.wait(READY_S):
            self.stop()
            raise EngineFailed(
                f"nats-server does not come up: {_since(self.folder / 'nats.log', 0)[-400:]}",
                why="nothing can be sent without it",
                remedy="if the address is in use, stop the other server or change hub.toml",
            )

    @property
    def pid(self) -> int | None:
        """Its process id; None while it is down."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def stop(self) -> None:
        """Stop the server, with what it was told on disk."""
        self._stopping.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
        self._thread.join(10)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _watch(self) -> None:
        """Start the server, and start it again whenever it ends, until told to stop."""
        while not self._stopping.is_set():
            began = time.monotonic()
            self._process = self._start()
            if self._stopping.is_set():
                self._process.terminate()
            self._await_ready(self._process)
            self._process.wait()
            if self._stopping.is_set():
                return
            self.restarts = 0 if time.monotonic() - began > READY_S else self.restarts + 1
            self._stopping.wait(_PAUSES[min(self.restarts, len(_PAUSES) - 1)])

    def _start(self) -> "subprocess.Popen[bytes]":
        parent = os.getpid()
        with suppress(OSError):
            (self.folder / "nats.pid").unlink()
        return subprocess.Popen(  # noqa: S603 - our own server and file
            [self._program, "-c", self.folder.resolve() / "nats.conf"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches us only, and we stop it last
            preexec_fn=lambda: _die_with(parent),  # noqa: PLW1509 - one prctl call, no locks
        )

    def _await_ready(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait until this process has written its pid file, which it does when it listens."""
        while process.poll() is None and not self._stopping.is_set():
            if running(self.folder) == process.pid:
                self._ready.set()
                return
            time.sleep(0.005)


_libc = ctypes.CDLL(None)


def _die_with(parent: int) -> None:
    """Have the kernel kill the server when the thread that watches it dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _since(log: Path, start: int) -> str:
    try:
        with log.open("rb") as stream:
            stream.seek(start)
            return stream.read().decode(errors="replace")
    except OSError:
        return ""
