"""Every example runs as a reader would run it: in order, in a clean folder, by name alone."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))

SAYS = {
    "01": [
        r"federated +AUC 0\.7\d\d",
        r"pooled +AUC 0\.7\d\d",
        r"open run/report/report\.html",
    ],
    "02": [r"At home", r"valley +no difference shown", r"valley alone +\+0\.0\d\d", r"No diff"],
    "03": [
        r"modelward/north: 8 entries",
        r"round 7: release of statistics",
        r"entry 0 \(line 1\)",
    ],
    "04": [r"readmission\.card\.json", r"new-2: 9\d\.\d%", r"1 of them had a missing value"],
    "05": [r"'none'\n +federated +AUC", r"'logit-adjustment'\n +federated +AUC"],
    "06": [
        r"mean +AUC at north 0\.4",
        r"robust +AUC at north 0\.7",
        r"harbour +lies \d\d\.\d times .*, beyond 3 since round 1\n",
        r"north +lies 0\.\d times as far out as is usual\n",
    ],
    "07": [
        r"wrote survivors\.csv: 1,100 invented patients of 6 hospitals",
        r"stage=stage 3 +hazard ratio 4\.09 \[3\.15, 5\.31\]",
        r"stage 3 +306 patients, median 1456\.0 days",
    ],
    "08": [
        r"federated +quadratic kappa 0\.\d",
        r"grade severe +found in \d+% of",
        r"referred or not: AUC 0\.9",
    ],
    "09": [r"federated +Dice +0\.[89]", r"federated +HD95 in pixels +\d", r"AUC [01]\.\d"],
    "10": [r"federated +AUC 0\.\d", r"pooled +AUC 0\.\d"],
    "11": [r"gru +federated +AUC 0\.[78]", r"transformer +federated +AUC 0\.[78]"],
    "12": [r"federated +C-index +0\.[67]", r"federated +integrated Brier score +0\.[12]"],
    "13": [r"both +federated +AUC +island 0\.[67]", r"row alone +pooled +AUC"],
    "14": [
        r"trees: .*\n +federated +AUC 0\.7[5-9]\d\n +pooled +AUC 0\.7[5-9]",
        r"logistic: .*\n +federated +AUC 0\.6",
        r"wrote delirium\.safetensors",
    ],
    "15": [
        r"cedar +18 cases among 300 patients",
        r"federated +AUC 0\.[78]\d\d\npooled +AUC 0\.[78]\d\d\nown +AUC 0\.[78]\d\d",
        r"oak +(?:keep|no worse|use|cannot)",
    ],
    "17": [
        r"backbone [0-9a-f]{12}, 57,980 bytes",
        r"adapters +AUC (?:0\.9|1\.0)\d+ +Leaves a site each round: 8,468 bytes",
        r"whole +AUC",
    ],
    "18": [
        r"SegResNet +federated +Dice +0\.[89]",
        r"resnet10 +federated +quadratic kappa +0\.\d",
    ],
    "16": [r"private head\n +surgery +bled +AUC 0\.[78]", r"common head\n +surgery"],
}
"""What each must print, by number."""

MOST_SECONDS = 60.0
"""Three times what an example may take on a machine that does nothing else."""

LONG = {"08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18"}
"""Examples that train for more than five seconds of a core, at full length only."""

MOST_SECONDS_LONG = 360.0
"""Three times two minutes."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return one clean folder for all: later examples read the run of the first."""
    return tmp_path_factory.mktemp("reader")


def run(example: Path, folder: Path) -> str:
    """Return what an example prints."""
    known = {"PATH", "HOME", "PYTHONPATH", "OMP_NUM_THREADS", "COVERAGE_PROCESS_START"}
    environment = {name: value for name, value in os.environ.items() if name in known}
    done = subprocess.run(
        [sys.executable, "-W", "error", example],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_examples_are_numbered_without_gaps_and_all_have_their_line_here():
    numbers = [path.name[:2] for path in EXAMPLES]

    assert numbers == [f"{place:02d}" for place in range(1, len(numbers) + 1)]
    assert numbers == sorted(SAYS)


@pytest.mark.slow
def test_every_example_runs_in_a_clean_folder_and_says_what_it_should(folder):
    for example in EXAMPLES:
        if example.name[:2] not in LONG:
            says_what_it_should(example, folder, MOST_SECONDS)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if e.name[:2] in LONG], ids=lambda path: path.stem
)
def test_examples_that_train_networks_run_in_two_minutes(example, tmp_path):
    if "monai" in example.stem:
        pytest.importorskip("monai", reason="needs the extra `monai`")
    says_what_it_should(example, tmp_path, MOST_SECONDS_LONG)


def says_what_it_should(example: Path, folder: Path, most: float) -> None:
    """Run an example, and look at what it prints and how long that took."""
    began = time.monotonic()
    said = run(example, folder)
    assert time.monotonic() - began < most, example.name
    for expected in SAYS[example.name[:2]]:
        assert re.search(expected, said), f"{example.name} does not say {expected!r}:\n{said}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_short_and_use_public_names_only(example):
    text = example.read_text("utf-8")

    assert len(text.splitlines()) < 100
    assert re.findall(r"(?:from|import) (modelward\S*)", text) == ["modelward"]
