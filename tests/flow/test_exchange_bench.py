"""The measurements of the network run, and what they promise holds for one seed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.exchange import catalogue, predictions

pytestmark = pytest.mark.slow


def test_predictions_alone_help_three_institutions_with_three_families():
    rows, nbytes, averaged = predictions.one(0)

    assert all(low > 0 for _, _, low, _ in rows)
    assert nbytes <= 50_000 < averaged


def test_a_catalogue_is_read_and_queried(tmp_path):
    found = catalogue.measure(tmp_path, 4, 10)

    assert found["letters"] == 44
    assert found["query by institution, all of it, s"] < 1


def test_the_network_of_eight_finds_the_wrong_hospital(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "network_of_eight.py"

    done = subprocess.run(
        [sys.executable, "-W", "error", example],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"^larch +\S+ +.*: better$", done.stdout, re.M)
    assert re.findall(r"^not used: (\w+)", done.stdout, re.M) == ["wrong"]
