"""Where temporary folders of tests lie, and how long a test may take."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("modelward", deadline=None)  # a busy machine is not a finding
settings.load_profile("modelward")

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the full lengths of suites two hours, where others have the limit of pyproject."""
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker(pytest.mark.timeout(7200))
