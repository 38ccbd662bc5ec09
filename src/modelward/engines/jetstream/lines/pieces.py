"""What is sent as an object, cut into pieces: bytes in memory, mapped, or in a file.

How pieces travel and how an object is put together again is objects.py's business.
"""

import os
from collections.abc import Iterable
from pathlib import Path

PIECE = 960 * 1024
"""Bytes of one piece; with its headers it must fit into `max_payload`, 1 MiB."""


class Pieces:
    """Bytes that lie in several parts, cut into pieces without being joined.

    Args:
        parts: The content in order.
    """

    def __init__(self, parts: Iterable[bytes | memoryview]) -> None:
        self._parts = [memoryview(part).cast("B") for part in parts]
        self.nbytes = sum(map(len, self._parts))

    def __len__(self) -> int:
        return max(1, -(-self.nbytes // PIECE))

    def piece(self, number: int) -> bytes:
        """Return piece `number`, counted from 0."""
        return self.between(number * PIECE, min((number + 1) * PIECE, self.nbytes))

    def between(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to `stop`."""
        found, offset = [], 0
        for part in self._parts:
            low, high = max(start - offset, 0), min(stop - offset, len(part))
            if low < high:
                found.append(part[low:high])
            offset += len(part)
        return b"".join(found)


class FilePieces:
    """A file cut into pieces, read as they are needed; close it.

    Args:
        path: The file, which must not change meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.nbytes = os.fstat(self._fd).st_size

    def __len__(self) -> int:
        return max(1, -(-self.nbytes // PIECE))

    def piece(self, number: int) -> bytes:
        """Return piece `number`, counted from 0."""
        return os.pread(self._fd, PIECE, number * PIECE)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
