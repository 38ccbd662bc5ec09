"""Gatekeeper and trainer are killed at any moment, and the same bytes leave, once each."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from modelward.ledger.verify import verify
from tests.answering import ROUNDS
from tests.processes import descendants

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.answering", str(folder)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        stderr=subprocess.PIPE,
    )


def finish(folder: Path) -> float:
    """Run to the end; return how long it took, in seconds."""
    began = time.monotonic()
    process = start(folder)
    _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, said.decode()
    return time.monotonic() - began


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the answers of a run that nobody killed, and how long it took."""
    folder = tmp_path_factory.mktemp("undisturbed")
    took = finish(folder)
    return json.loads((folder / "answers.json").read_text()), took


def check(folder: Path, expected: list[str]) -> None:
    """What left is what an undisturbed run releases, and the ledger counts it once."""
    assert json.loads((folder / "answers.json").read_text()) == expected
    verify(folder / "cleveland/ledger")
    released = [
        json.loads(line)["sha256"]
        for line in (folder / "cleveland/ledger/entries.jsonl").read_text().splitlines()
        if json.loads(line)["kind"] == "release"
    ]
    assert released == expected
    assert len(expected) == ROUNDS + 1


def kill_often(
    folder: Path, victim: str, undisturbed: tuple[list[str], float], kills: int, seed: int
) -> int:
    """Kill `victim` at random moments, in as many folders as it takes; count hits.

    A run that comes to its end is checked, and the next one begins anew. A moment can come
    when there is nothing to kill; so there are up to five a kill.
    """
    expected, took = undisturbed
    draw, hits, number = random.Random(seed), 0, 0
    for _ in range(5 * kills):
        if hits >= kills:
            break
        here = folder / str(number)
        here.mkdir(exist_ok=True)
        process = start(here)
        hits += strike(process, victim, draw.random() * took)
        process.communicate(timeout=LIMIT_S)
        if process.returncode == 0:
            check(here, expected)
            number += 1
    (folder / str(number)).mkdir(exist_ok=True)
    assert finish(folder / str(number)) < max(10.0, 2 * took)  # a busy machine is not a finding
    check(folder / str(number), expected)
    return hits


def strike(process: subprocess.Popen[bytes], victim: str, moment_s: float) -> int:
    """Kill the gatekeeper, or the trainer below it, after a moment; return how many died."""
    target = process.pid
    if victim == "gatekeeper":
        time.sleep(moment_s)
    else:
        while process.poll() is None and len(descendants(process.pid)) < 2:
            time.sleep(0.01)
        time.sleep(moment_s / 4)
        target = next(reversed(descendants(process.pid)), 0)
    if not target or process.poll() is not None:
        return 0
    with suppress(ProcessLookupError):
        os.kill(target, signal.SIGKILL)
        return 1
    return 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["gatekeeper", "trainer"])
def test_killed_at_random_moments_the_same_bytes_leave(tmp_path, undisturbed, victim):
    assert kill_often(tmp_path, victim, undisturbed, kills=4, seed=7) >= 4


@pytest.mark.exhaustive
@pytest.mark.parametrize("victim", ["gatekeeper", "trainer"])
@pytest.mark.parametrize("seed", range(5))
def test_killed_a_hundred_times_the_same_bytes_leave(tmp_path, undisturbed, victim, seed):
    assert kill_often(tmp_path, victim, undisturbed, kills=10, seed=seed) >= 10
