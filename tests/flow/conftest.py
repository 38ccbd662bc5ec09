"""Finished runs that several tests look at."""

from pathlib import Path
from typing import Any

import pytest

from tests.flow.runs import BOTH


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Each small study run once, undisturbed, by one worker: its folder and its JSON."""
    found = {}
    for small in BOTH:
        folder = small.prepare(tmp_path_factory.mktemp(small.name))
        found[small.name] = (folder, small.finished(folder, workers=1))
    return found
