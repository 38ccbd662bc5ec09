"""Processes that are killed at a chosen wait for the disk.

What a process has promised lies on disk, and a promise is given after a wait for it (fsync).
So two waits apart are all the moments there are: whoever is killed before each of them in
turn was killed at every step.
"""

import os
import re
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from modelward.ledger.mail import NO_STUDY

MOST = 18
"""Deaths in one run: a federation on one machine (loopback.py) is given up after 20."""

GROWS = re.compile(f"{NO_STUDY}|carried|witness/seen")
"""What a party writes of its own accord whenever it is started."""


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do `work` in a child that is killed before its `number`-th wait; return whether it was.

    The wait does not take place: bytes that were written may be torn by a real loss of power,
    names may be missing. `work` is to be done again by whoever calls this.
    """
    child = os.fork()
    if not child:
        _die_before(number)
        try:
            work()
        except BaseException:  # noqa: BLE001 - a forked child must not go on with the tests
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    assert ended in {0, -signal.SIGKILL}, "the child failed; its words are above"
    return ended != 0


def _die_before(number: int) -> None:
    """Have this process killed before its `number`-th fsync, in whatever thread."""
    wait, waits, alone = os.fsync, 0, threading.Lock()

    def fsync(fd: int) -> None:
        nonlocal waits
        with alone:
            waits += 1
            if waits == number:
                os.kill(os.getpid(), signal.SIGKILL)
        wait(fd)

    os.fsync = fsync  # type: ignore[assignment]


@contextmanager
def dying_once_at_each_step(
    folders: Sequence[Path], share: int, shares: int
) -> Iterator[Callable[[], list[str]]]:
    """Have children of this process killed before waits for what lies in `folders`.

    A step is a file (or a folder) and its length: a process that comes to a step of this share
    where none has died yet is killed there. So whoever starts it again sees it die at the
    next one, until none is left, or `MOST` have died. What grows with every start, as mail
    does, is one step.

    Args:
        folders: Of parties; one process at a time writes into each. They lie side by side.
        share: Which of `shares` equal parts of all steps; 0 is the first.
        shares: Into how many the steps are divided, by hash.

    Yields:
        A function that returns the steps at which somebody died.
    """
    died, parent, wait = folders[0].parent / "died", os.getpid(), os.fsync

    def fsync(fd: int) -> None:
        if os.getpid() != parent:
            path = Path(f"/proc/self/fd/{fd}").readlink()
            inside = any(folder in path.parents for folder in folders)
            step = _step(died.parent, path) if inside else ""
            due = inside and _part(step, shares) == share and step not in steps()
            if due and len(steps()) < MOST:
                with died.open("a") as stream:
                    stream.write(f"{step}\n")
                os.kill(os.getpid(), signal.SIGKILL)
        wait(fd)

    def steps() -> list[str]:
        return died.read_text().splitlines() if died.exists() else []

    os.fsync = fsync  # type: ignore[assignment]
    try:
        yield steps
    finally:
        os.fsync = wait


def _part(step: str, parts: int) -> int:
    return int.from_bytes(sha256(step.encode()).digest()[:4], "big") % parts


def _step(folder: Path, path: Path) -> str:
    """Return the name of a step, the same in every process and run."""
    length = len([*path.iterdir()]) if path.is_dir() else path.stat().st_size
    name = re.sub(r"\.(.+)\.[\d-]+\.part$", r"\1", path.name)
    place = f"{path.parent.relative_to(folder)}/{name}"
    return place if GROWS.search(place) else f"{place} {length}"
