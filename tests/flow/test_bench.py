"""The benchmark runs and its figures are there; how fast is for `make bench` to say."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.exhaustive
def test_one_run_of_the_smallest_workload_writes_its_figures(tmp_path):
    out = tmp_path / "results.json"

    ended = subprocess.run(
        [sys.executable, "-m", "bench.run", "--runs", "1", "--only", "W2", "--out", out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    found = json.loads(out.read_text())["W2"]
    assert found["numeric_path"] == "groups of 10"
    assert found["ours_s"] < found["naive_s"]
    assert found["ratio_floor"] == pytest.approx(found["ours_s"] / found["floor_s"], abs=0.01)
    assert f"{found['ours_s']:9.3f}" in ended.stdout
