"""A file that only grows, and is unchanged when growing fails.

`append` returns only when the bytes are on disk (fsync). When they cannot be written, the
file is cut back to where it was, so a full disk never leaves half a line. Files that are
replaced whole are modelward/durable.py's business.

A forked child does not inherit an open file: a worker that outlives its parent would hold
the parent's lock.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

from modelward.errors import StorageError


class AppendFile:
    """One open append-only file.

    Attributes:
        path: Where it lies, for messages.
        fd: Its descriptor; negative once it is closed, or in a forked child.
        size: Bytes that are known to be on disk.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`, creating it empty.

        Raises:
            OSError: If it cannot be opened.
        """
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.size = os.fstat(self.fd).st_size
        self._unsynced = 0
        self._counting = threading.Lock()
        self._syncing = threading.Lock()
        _OPEN.add(self)

    def lock(self) -> bool:
        """Take the file for this process alone; return whether that succeeded."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self) -> None:
        """Let others take the file, also when a child still has it open."""
        if self.fd >= 0:
            fcntl.flock(self.fd, fcntl.LOCK_UN)

    def append(self, data: bytes) -> None:
        """Write `data` at the end and wait until it is on disk.

        Raises:
            StorageError: If that failed, after taking back what was written. When even
                that fails, the message says so.
        """
        self.write(data)
        self.sync()

    def write(self, data: bytes) -> None:
        """Write `data` at the end, on disk only after `sync`.

        Raises:
            StorageError: If that failed, after taking back what was not synced.
        """
        with self._counting:
            if os.fstat(self.fd).st_size != self.size + self._unsynced:
                self._take_back()  # an earlier write could not be taken back at the time
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[os.write(self.fd, rest) :]
            except OSError as error:
                self._take_back()
                raise self._full(len(data), error) from error
            self._unsynced += len(data)

    def sync(self) -> None:
        """Return when everything written so far is on disk.

        Other threads may write meanwhile. One that waits here while another syncs finds its
        own bytes synced with the others', or syncs them all at once.

        Raises:
            StorageError: If that failed, after taking back what was not synced, also what
                other threads had written.
        """
        with self._syncing:
            count = self._unsynced
            if not count:
                return
            try:
                os.fsync(self.fd)
            except OSError as error:
                with self._counting:
                    lost = self._unsynced
                    self._take_back()
                raise self._full(lost, error) from error
            with self._counting:
                self.size, self._unsynced = self.size + count, self._unsynced - count

    def _take_back(self) -> None:
        self._unsynced = 0
        self.cut(self.size)

    def _full(self, count: int, error: OSError) -> StorageError:
        return StorageError(
            f"{self.path} could not take {count} more bytes: {error.strerror}",
            why="nothing may leave the site before it is recorded on disk",
            remedy="free space on that disk (or check its health) and ask again;"
            " the file is as it was before",
        )

    def cut(self, size: int) -> None:
        """Shorten the file to `size` bytes and wait until that is on disk.

        Raises:
            StorageError: If the file system refuses.
        """
        try:
            os.ftruncate(self.fd, size)
            os.fsync(self.fd)
        except OSError as error:
            raise StorageError(
                f"{self.path} could not be cut back to {size} bytes: {error.strerror}",
                why="a half-written record must not stay in an append-only file",
                remedy="check the disk, then open the ledger again: it cuts the torn part off",
            ) from error
        self.size = size

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to `stop`, which must lie within `size`."""
        return os.pread(self.fd, stop - start, start)

    def lines(self) -> Iterator[bytes]:
        """Yield every line with its newline; the last one may lack it."""
        with self.path.open("rb") as file:
            yield from file

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


_OPEN: WeakSet[AppendFile] = WeakSet()


def _let_go_after_fork() -> None:
    """Close the child's copies; the lock stays with the parent."""
    for file in list(_OPEN):
        file.close()


os.register_at_fork(after_in_child=_let_go_after_fork)
