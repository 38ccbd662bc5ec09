"""The example package with a recipe of its own, installed from a wheel as a site would."""

import subprocess
import sys
from pathlib import Path

from tests.studies import AVERAGED

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_recipe"

STUDY_FILE = AVERAGED.replace('name = "logistic"', 'name = "cloglog"')
"""A small study that asks for the recipe of the example."""


def install(source: Path, folder: Path) -> Path:
    """Install the package in `source` into `folder`, offline; return the folder."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
         "--no-build-isolation", "--target", folder, source],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return folder
