"""Real data beside the project, which a clone does not have."""

from pathlib import Path

import pytest

PLACES = [parent / "shared" / "data" for parent in Path(__file__).resolve().parents]


def shared(name: str) -> Path:
    """Return a folder of the shared data, or skip the test with the reason."""
    for place in PLACES:
        if (place / name).is_dir():
            return place / name
    pytest.skip(f"../shared/data/{name} is not there: it is not part of the repository")
