"""The one folder that a trainer can write: one file is read out of it, and the rest removed.

Whatever lies there was put by code that is not trusted. Links are not followed, nothing is
opened that is not a regular file of the length that was asked for, and removing takes neither
recursion nor long paths: a tree of any depth is taken apart level by level, by descriptors,
so that nothing outside of the folder can be meant by a name inside of it.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

MOST_LEFT = 100_000
"""Files and folders that are removed; a trainer that leaves more goes on leaving them."""

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def empty(folder: Path) -> None:
    """Remove whatever was left in `folder`; links are removed, not followed.

    Raises:
        OSError: If it cannot be, or if it is more than `MOST_LEFT`.
    """
    root = os.open(folder, os.O_RDONLY | _FOLDER)
    try:
        _empty(root)
    finally:
        os.close(root)


def read_exactly(path: Path, length: int) -> bytes:
    """Return the `length` bytes of the regular file at `path`.

    Raises:
        OSError: If it is a link, another kind of file, or of another length.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size != length:
            raise OSError("the offer is not a file of the length that was asked for")
        return stream.read(length)


def _empty(root: int) -> None:
    waiting, left, own = sorted(os.listdir(root)), 0, os.urandom(8).hex()
    while waiting:
        left += 1
        if left > MOST_LEFT:
            raise OSError(f"more than {MOST_LEFT:,} files were left")
        name = waiting.pop()
        if not stat.S_ISDIR(os.lstat(name, dir_fd=root).st_mode):
            os.unlink(name, dir_fd=root)
            continue
        waiting += _lifted(root, name, f".{own}.{left}")
        os.rmdir(name, dir_fd=root)


def _lifted(root: int, name: str, ours: str) -> list[str]:
    """Move what is in the folder `name` up into the root, under names that nobody can guess."""
    seen = os.open(name, os.O_PATH | _FOLDER, dir_fd=root)
    try:
        own = f"/proc/self/fd/{seen}"
        with suppress(PermissionError):  # it is another user's then, and may be open
            Path(own).chmod(stat.S_IRWXU)  # its maker may have closed it
        inner = os.open(own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(seen)
    try:
        lifted = []
        for place, child in enumerate(sorted(os.listdir(inner))):  # noqa: PTH208 - a descriptor
            lifted.append(f"{ours}.{place}")
            os.rename(child, lifted[-1], src_dir_fd=inner, dst_dir_fd=root)
        return lifted
    finally:
        os.close(inner)
