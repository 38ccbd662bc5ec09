"""Where temporary folders of tests lie."""

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30
"""Bytes that must be free there; containers often have 64 MiB, and a disk is then better."""


def pytest_configure() -> None:
    """Put temporary folders in memory, where the many fsyncs of a run cost nothing.

    Killed processes lose nothing there, so tests of crashes mean the same. What is about
    full disks brings its own (tests/disks.py).
    """
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
