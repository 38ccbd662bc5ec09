"""kill -9 at random moments: run again, and nothing is lost, doubled or different."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.command import started
from tests.flow.runs import BOTH, HEART, Small, check_ledgers, litter

pytestmark = pytest.mark.slow

AVERAGED = (
    'strategy = "newton"\nrounds = 25\n\n[stop]\ntolerance = 1e-9',
    "rounds = 4\nbatch = 16\nlr = 0.1\nvalidation = 0.2",
)
"""The heart study, averaged."""

MLP = ('name = "logistic"', 'name = "mlp"\noptions = { hidden = [8] }')

REMEMBER: dict[str, tuple[tuple[str, str], ...]] = {
    "scaffold": ((AVERAGED[0], f'strategy = "scaffold"\n{AVERAGED[1]}'),),
    "feddyn": ((AVERAGED[0], f'strategy = "feddyn"\n{AVERAGED[1]}'),),
    "ditto": ((AVERAGED[0], f'{AVERAGED[1]}\n[plan.personal]\nkind = "ditto"'),),
    "head": ((AVERAGED[0], f'{AVERAGED[1]}\n[plan.personal]\nkind = "head"'), MLP),
    "apfl": ((AVERAGED[0], f'{AVERAGED[1]}\n[plan.personal]\nkind = "apfl"'), MLP),
    "top-k": ((AVERAGED[0], f'{AVERAGED[1]}\n[plan.uplink]\ncodec = "top-k"'),),
}
"""Studies whose sites keep something between rounds, and what makes them of the heart's."""


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
    small: Small,
    tmp_path: Path,
    expected: str | None,
    *swaps: tuple[str, str],
    kills: int,
    seed: int,
) -> None:
    """Kill the run `kills` times in as many folders as it takes; finish it in each.

    Args:
        small: The study.
        tmp_path: For the folders.
        expected: Hash of its model; that of the uninterrupted run if None.
        swaps: What is changed in the study.
        kills: How many.
        seed: Of the moments.
    """
    draw = random.Random(seed)
    number, done = 0, 0
    folder = small.prepare(tmp_path / "0", *swaps)
    began = time.monotonic()
    whole = small.finished(small.prepare(tmp_path / "whole", *swaps))["model_sha256"]
    expected = expected or whole
    assert whole == expected
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
        folder = small.prepare(tmp_path / str(number), *swaps)
    assert small.finished(folder)["model_sha256"] == expected
    check_ledgers(folder / "run")


def check_ledgers_that_are_whole(run: Path) -> None:
    """Look at ledgers as a crash left them: opened by nobody, and no task twice."""
    for path in run.glob("sites/*/ledger/entries.jsonl"):
        lines = [line for line in path.read_text().split("\n")[:-1] if line]
        tasks = [line.split('"task":"')[1][:64] for line in lines]
        assert len(tasks) == len(set(tasks))


@pytest.mark.parametrize("small", BOTH[:1], ids=lambda small: small.name)
def test_a_few_kills_change_nothing(finished, tmp_path, small):
    expected = finished[small.name][1]["model_sha256"]

    kill_again_and_again(small, tmp_path, expected, kills=3, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("small", BOTH, ids=lambda small: small.name)
def test_fifty_kills_change_nothing(finished, tmp_path, small):
    expected = finished[small.name][1]["model_sha256"]

    kill_again_and_again(small, tmp_path, expected, kills=50, seed=2)


@pytest.mark.parametrize("name", ["scaffold"])
def test_a_kill_changes_nothing_that_a_site_remembers(tmp_path, name):
    kill_again_and_again(HEART, tmp_path, None, *REMEMBER[name], kills=2, seed=3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", REMEMBER)
def test_ten_kills_change_nothing_that_a_site_remembers(tmp_path, name):
    kill_again_and_again(HEART, tmp_path, None, *REMEMBER[name], kills=10, seed=4)
