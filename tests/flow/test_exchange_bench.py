"""The measurements of the network run, and what they promise holds for one seed."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.exchange import abstaining, alarms, catalogue, predictions

pytestmark = pytest.mark.slow


def test_predictions_alone_help_three_institutions_with_three_families():
    rows, nbytes, averaged = predictions.one(0)

    assert all(low > 0 for _, _, low, _ in rows)
    assert nbytes <= 50_000 < averaged


def test_what_is_answered_is_right_at_least_as_often_as_the_local_model():
    rows = abstaining.one("digits", 10) + abstaining.one("digits", 11, hole=1)

    assert len(rows) > 7, "most sites take a combination up"
    assert min(row.right - row.local for row in rows) > 0
    assert not any(row.below for row in rows)
    assert np.mean([row.known for row in rows]) > 0.5, "what the network knows is answered"
    holes = [row for row in rows if not np.isnan(row.hole)]
    assert np.mean([row.hole - row.known for row in holes]) < 0, "and what it does not, less"


def test_honest_artifacts_are_not_in_quarantine_and_a_backdoor_is():
    assert alarms.one("digits", "skewed", 203).accused == 0
    assert alarms.one("digits", "even", 203).accused == 0
    assert alarms.caught("digits", "even", 300) == (5, 0)


def test_a_catalogue_is_read_and_queried(tmp_path):
    found = catalogue.measure(tmp_path, 4, 10)

    assert found["letters"] == 44
    assert found["query by institution, all of it, s"] < 1


@pytest.mark.engine
def test_a_catalogue_is_read_from_a_server(tmp_path):
    found = catalogue.measure(tmp_path, 3, 5, catalogue.over_a_server)

    assert found["letters"] == 18
    assert found["most memory of the server, MiB"] > 0


@pytest.mark.exhaustive
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
    assert re.search(r"^cedar +uniform +.*: better$", done.stdout, re.M)
    assert re.findall(r"^not used: (\w+)", done.stdout, re.M) == ["wrong"]
