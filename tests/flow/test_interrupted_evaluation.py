"""Ctrl-C and kill -9 while a trained run is judged: nothing is trained again."""

import os
import signal
import subprocess
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from modelward.evaluate.findings import Findings
from tests.command import answered, modelward, started
from tests.flow.runs import check_ledgers
from tests.studies import AVERAGED, HEADING

pytestmark = pytest.mark.slow

SITES, EACH = 10, 5_000
STUDY = AVERAGED.replace("test = 0.25", "test = 0.7")
"""Little to train on, and enough test units that judging them takes a while."""


def prepared(folder: Path) -> Path:
    """Write ten hospitals of five thousand patients, and the study."""
    draw = np.random.default_rng(5)
    n = SITES * EACH
    age, smoker = draw.uniform(20, 95, n), draw.integers(0, 2, n)
    ill = draw.random(n) < 1 / (1 + np.exp(-(age - 58) / 12 - smoker))
    wards = np.array(["medical", "surgical", "other"])[draw.integers(0, 3, n)]
    rows = (
        f"h{k % SITES},p{k:06d},{age[k]:.1f},{smoker[k]},{wards[k]},{int(ill[k])}"
        for k in range(n)
    )
    (folder / "data.csv").write_text("\n".join([HEADING, *rows, ""]))
    (folder / "study.toml").write_text(STUDY)
    return folder


def simulating(folder: Path) -> "subprocess.Popen[str]":
    words = ("study", "simulate", "study.toml", "--data", "data.csv", "--by", "hospital")
    return started(*words, "--patient", "patient", "--out", "run", "--workers", "2", cwd=folder)


def until_trained(process: "subprocess.Popen[str]", run: Path) -> None:
    """Wait until every model is stored, the pooled and the local ones too."""
    end = time.monotonic() + 240
    while len(list((run / "baselines").glob("*-*.json"))) < SITES + 1:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def kept(run: Path) -> dict[str, str]:
    """Return the hash of everything that training leaves."""
    places = ("sites/*/ledger/*", "hub/models/**/*", "baselines/*")
    files = [path for place in places for path in run.glob(place) if path.is_file()]
    return {str(p.relative_to(run)): sha256(p.read_bytes()).hexdigest() for p in files}


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_ends_while_it_is_judged_goes_on_without_training(tmp_path, number):
    run = prepared(tmp_path) / "run"
    process = simulating(tmp_path)
    until_trained(process, run)
    training = children(process.pid)
    while not (workers := children(process.pid)) or set(workers) & set(training):
        assert process.poll() is None  # training ends, judging begins
        time.sleep(0.005)

    os.kill(process.pid, number)
    _, said = process.communicate(timeout=60)

    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert ("interrupted" in said) == (number == signal.SIGINT)
    assert "Traceback" not in said
    end = time.monotonic() + 20
    while any(map(alive, workers)):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert not (run / "report/report.json").exists()
    before, entries = kept(run), check_ledgers(run)

    refused = modelward("study", "report", "run", cwd=tmp_path)
    assert "modelward study run run" in refused.stderr
    told = answered("study", "run", "run", cwd=tmp_path)

    assert (kept(run), check_ledgers(run)) == (before, entries)
    found = Findings.from_json((run / "report/report.json").read_bytes())
    assert found.record.run.model_sha256 == told["model_sha256"]
    assert len(found.models) == 2 + SITES
