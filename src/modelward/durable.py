"""Writing a file whole or not at all.

One recipe for every file that must survive a crash: write a temporary file beside the
target, fsync it, rename it over the target, fsync the folder. A reader sees the old bytes
or the new ones, never half of either, and after the call returns the new bytes are on disk.
(Pillai et al. 2014, "All File Systems Are Not Created Equal", OSDI, section 4.)
"""

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import get_ident
from typing import BinaryIO

from modelward.errors import StorageError

Chunk = bytes | memoryview


def write_whole(path: Path, chunks: Chunk | Iterable[Chunk], *, mode: int = 0o644) -> None:
    """Replace the file at `path` by `chunks`, all or nothing.

    Args:
        path: Target; its folder must exist.
        chunks: The content, in order.
        mode: Permissions of the new file.

    Raises:
        StorageError: If the bytes cannot be written (disk full, no permission). The file
            that was there before is untouched and no temporary file is left behind.
    """
    write_together({path: chunks}, mode=mode)


def write_together(files: Mapping[Path, Chunk | Iterable[Chunk]], *, mode: int = 0o644) -> None:
    """Replace several files of one folder, each all or nothing, in the order given.

    They wait for the disk at the same time, so that two take as long as one. After a crash
    some may be replaced and others not.

    Args:
        files: Target -> its content.
        mode: Permissions of the new files.

    Raises:
        StorageError: As `write_whole`. Files before the one that failed may be replaced.
    """
    parts = {path: _part(path) for path in files}
    path = next(iter(files))
    try:
        with ExitStack() as opened:
            written = []
            for path, chunks in files.items():
                written.append(_write(parts[path], chunks, mode))
                opened.callback(os.close, written[-1])
            _sync(written)
        for path, part in parts.items():
            part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:  # also when it was interrupted
        _remove(parts.values())


def write_new(
    files: Mapping[Path, Chunk | Iterable[Chunk]],
    *,
    kept: Sequence[Path] = (),
    mode: int = 0o644,
) -> None:
    """Put new files into one folder; they, `kept` and their names are on disk afterwards.

    All wait for the disk at once, names and bytes, so it takes as long as one. After a crash
    a name may stand for torn bytes: this is for files that nobody relies on before it
    returns, and whose bytes are checked when they are read.

    Args:
        files: Target -> its content; at least one.
        kept: Files of the folder that are there, and may not be on disk yet.
        mode: Permissions of the new files.

    Raises:
        StorageError: As `write_whole`; then none of the new files is there.
    """
    parts = {path: _part(path) for path in files}
    path = next(iter(files))
    try:
        with ExitStack() as opened:
            waiting = []
            for path, chunks in files.items():
                waiting.append(_write(parts[path], chunks, mode))
                opened.callback(os.close, waiting[-1])
            for path, part in parts.items():
                part.replace(path)
            for each in (*kept, path.parent):
                waiting.append(os.open(each, os.O_RDONLY))
                opened.callback(os.close, waiting[-1])
            _sync(waiting)
    except OSError as error:
        _remove(files)
        raise cannot_write(path, error) from error
    finally:
        _remove(parts.values())


def write_once(path: Path, content: Chunk, *, mode: int = 0o644) -> bool:
    """Create the file at `path` with `content`, unless it is there already.

    Of two processes that try at the same time one succeeds, and its file is never replaced.

    Returns:
        Whether it was created here; it is on disk then.

    Raises:
        StorageError: If the bytes cannot be written.
    """
    part = _part(path)
    try:
        descriptor = _write(part, content, mode)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            os.link(part, path)
        except FileExistsError:
            return False
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _remove([part])
    return True


def _part(path: Path) -> Path:
    """Return the name under which this thread writes before `path` is replaced."""
    return path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.part")


def _remove(paths: Iterable[Path]) -> None:
    for each in paths:
        with suppress(OSError):
            each.unlink(missing_ok=True)


def _write(path: Path, chunks: Chunk | Iterable[Chunk], mode: int) -> int:
    """Return the open descriptor of a new file that holds `chunks`, not yet on disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            for part in [chunks] if isinstance(chunks, bytes | memoryview) else chunks:
                stream.write(part)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _sync(descriptors: Sequence[int]) -> None:
    """Have every file on disk; all but the first are waited for by threads."""
    first, *others = descriptors
    if not others:
        os.fsync(first)
        return
    with ThreadPoolExecutor(len(others)) as threads:
        waiting = [threads.submit(os.fsync, each) for each in others]
        os.fsync(first)
    for each in waiting:
        each.result()


def make_folder(path: Path, *, mode: int = 0o777) -> None:
    """Create the folder `path` and its parents, their names on disk.

    Args:
        path: The folder.
        mode: Its permissions if it is created here; the process' mask is taken from them.

    Raises:
        StorageError: If it cannot be created, or if a file is in the way.
    """
    try:
        missing = [each for each in (path, *path.parents) if not each.exists()]
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        for made in missing:
            sync_folder(made.parent)
        probe = path / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise cannot_write(path, error) from error


def open_log(path: Path) -> BinaryIO:
    """Open a log of a site's own for appending; its owner alone can read it, links are none.

    Raises:
        OSError: If it cannot be opened, or if a link lies there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "ab")


def sync_folder(path: Path) -> None:
    """Make a rename or a new name in the folder `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> StorageError:
    """Return the error that tells a reader why `path` could not be written."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return StorageError(
        f"{path} cannot be written: {error.strerror or error}",
        why="what is recorded must be on disk, whole, before anything goes on",
        remedy="free space there, then run the same command again; it goes on where it was"
        if full
        else "choose a folder that you may write to, such as --out in your home",
    )
