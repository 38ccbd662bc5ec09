"""kill -9 at random moments: run again, and nothing is lost, doubled or different."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.command import started
from tests.flow.runs import BOTH, Small, check_ledgers, litter

pytestmark = pytest.mark.slow


def killed(small: Small, folder: Path, delay_s: float) -> bool:
    """Start the run, kill its leading process after `delay_s`; return whether it was killed."""
    process = started(*small.simulate(folder, out="run"), cwd=folder)
    try:
        process.communicate(timeout=delay_s)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0
    return False


def kill_again_and_again(
    small: Small, tmp_path: Path, expected: str, kills: int, seed: int
) -> None:
    """Kill the run `kills` times in as many folders as it takes; finish it in each."""
    draw = random.Random(seed)
    number, done = 0, 0
    folder = small.prepare(tmp_path / "0")
    began = time.monotonic()
    assert small.finished(small.prepare(tmp_path / "whole"))["model_sha256"] == expected
    seconds = time.monotonic() - began
    while done < kills:
        if killed(small, folder, draw.uniform(0.15, 1.1) * seconds):
            done += 1
            check_ledgers_that_are_whole(folder / "run")
            if draw.random() < 0.7:
                continue
        assert small.finished(folder)["model_sha256"] == expected
        check_ledgers(folder / "run")
        assert not [path for path in litter(folder) if path.parent.name != "outbox"]
        number += 1
        folder = small.prepare(tmp_path / str(number))
    assert small.finished(folder)["model_sha256"] == expected
    check_ledgers(folder / "run")


def check_ledgers_that_are_whole(run: Path) -> None:
    """Look at ledgers as a crash left them: opened by nobody, and no task twice."""
    for path in run.glob("sites/*/ledger/entries.jsonl"):
        lines = [line for line in path.read_text().split("\n")[:-1] if line]
        tasks = [line.split('"task":"')[1][:64] for line in lines]
        assert len(tasks) == len(set(tasks))


@pytest.mark.parametrize("small", BOTH, ids=lambda small: small.name)
def test_a_few_kills_change_nothing(finished, tmp_path, small):
    expected = finished[small.name][1]["model_sha256"]

    kill_again_and_again(small, tmp_path, expected, kills=4, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("small", BOTH, ids=lambda small: small.name)
def test_fifty_kills_change_nothing(finished, tmp_path, small):
    expected = finished[small.name][1]["model_sha256"]

    kill_again_and_again(small, tmp_path, expected, kills=50, seed=2)
