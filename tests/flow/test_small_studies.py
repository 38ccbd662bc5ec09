"""Both demo studies in small: the same bits whoever works on them."""

import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.command import answered, modelward, started
from tests.flow.runs import BOTH, HEART, PNEUMONIA, Small, check_ledgers, litter

pytestmark = pytest.mark.slow

ONE_AT_LENGTH = [
    pytest.param(HEART, id="heart"),
    pytest.param(PNEUMONIA, id="pneumonia", marks=pytest.mark.exhaustive),
]


@pytest.mark.parametrize("small", BOTH, ids=lambda small: small.name)
def test_two_workers_give_the_hash_of_one(finished, tmp_path, small):
    folder = small.prepare(tmp_path)

    found = small.finished(folder, workers=2)

    assert found["model_sha256"] == finished[small.name][1]["model_sha256"]
    assert check_ledgers(folder / "run") == found["ledger"]["entries"]


@pytest.mark.exhaustive
def test_another_seed_is_another_network(finished, tmp_path):
    folder = PNEUMONIA.prepare(tmp_path, ("rounds = 4", "rounds = 4\nseed = 1"))

    assert (
        PNEUMONIA.finished(folder)["model_sha256"]
        != finished[PNEUMONIA.name][1]["model_sha256"]
    )


@pytest.mark.parametrize("small", BOTH, ids=lambda small: small.name)
def test_a_finished_run_is_not_trained_again(finished, small):
    folder, before = finished[small.name]
    entries = check_ledgers(folder / "run")

    again = small.finished(folder)
    by_folder = answered("study", "run", "run", cwd=folder)

    assert again == by_folder == before
    assert check_ledgers(folder / "run") == entries
    assert not litter(folder)


def test_a_small_study_learns(finished):
    heart, pneumonia = (finished[small.name][1] for small in BOTH)

    assert heart["federated"] == pytest.approx(heart["pooled"], abs=1e-9)
    assert heart["federated"] > 0.85
    assert pneumonia["federated"] > 0.6, "four rounds of a very small network"
    assert heart["sites"] == ["cleveland", "hungarian", "switzerland", "va"]
    assert all(isinstance(value, float) for value in heart["local"].values())


def rounds_done(run: Path) -> int:
    """Return how many rounds the hub has committed, 0 before there is a registry."""
    path = run / "hub" / "registry.sqlite"
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as found:
            return int(found.execute("SELECT count(*) FROM rounds").fetchone()[0])
    except sqlite3.OperationalError:  # its tables are not there yet
        return 0


def wait_for_rounds(run: Path, number: int) -> None:
    """Wait until the hub has committed `number` rounds."""
    end = time.monotonic() + 120
    while rounds_done(run) < number:
        assert time.monotonic() < end, "the run does not get on"
        time.sleep(0.01)


LONG = {
    HEART.name: ('strategy = "newton"\nrounds = 25', "rounds = 30"),
    PNEUMONIA.name: ("rounds = 4", "rounds = 12"),
}


@pytest.mark.parametrize("small", ONE_AT_LENGTH)
def test_ctrl_c_says_how_to_go_on_and_it_goes_on_to_the_same_hash(tmp_path, small):
    whole = small.prepare(tmp_path / "whole", LONG[small.name])
    folder = small.prepare(tmp_path / "interrupted", LONG[small.name])
    process = started(*small.simulate(folder, out="run"), cwd=folder)
    wait_for_rounds(folder / "run", 3)

    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert "interrupted; finished rounds are kept: the same command goes on there" in err
    assert "Traceback" not in err
    assert out == ""
    assert 3 <= rounds_done(folder / "run") < (30 if small is HEART else 12)
    assert not litter(folder)
    check_ledgers(folder / "run")
    again = answered("study", "run", "run", cwd=folder)
    assert again["model_sha256"] == small.finished(whole)["model_sha256"]
    check_ledgers(folder / "run")


def test_another_run_in_the_same_folder_is_refused(finished):
    folder, _ = finished[HEART.name]

    other = modelward(
        "study", "simulate", folder / "heart-small.toml", "--data", "heart.csv",
        "--sites", 3, "--split", "split", "--out", "run", cwd=folder,
    )  # fmt: skip

    assert other.returncode == 10
    assert "run holds another run, with another dealing" in other.stderr


def test_the_report_is_written_again_from_what_was_found(finished, tmp_path):
    folder, _ = finished[HEART.name]

    told = modelward("study", "report", "run", "--out", tmp_path, cwd=folder)

    assert told.returncode == 0
    written = [Path(line) for line in told.stdout.split()]
    assert [path.name for path in written] == ["report.html", "report.json", "report.txt"]
    for path in written:
        assert path.read_bytes() == (folder / "run" / "report" / path.name).read_bytes()
    page = written[0].read_text()
    assert "<script src" not in page
    assert "default-src &#x27;none&#x27;" in page, "the page may load nothing"
    assert json.loads(written[1].read_text())["record"]["study"]["id"] == "heart-small"


def predicted_auc(small: Small, data: Path, lines: list[str]) -> float:
    """Return the AUC of exported predictions on the test units that the report counted."""
    p = np.array([float(line.split(",")[1]) for line in lines])
    if small is PNEUMONIA:
        with np.load(data) as archive:
            return float(
                roc_auc_score(archive["labels"], p, sample_weight=archive["folds"] == 2)
            )
    rows = list(csv.DictReader(data.read_text().splitlines()))
    asked = ("age", "sex", "cp", "thalach", "exang", "oldpeak", "num")
    chosen = [r["split"] == "test" and "?" not in [r[name] for name in asked] for r in rows]
    truth = [float(row["num"]) > 0 for row in rows]
    return float(roc_auc_score(truth, p, sample_weight=chosen))


@pytest.mark.parametrize("small", BOTH, ids=lambda small: small.name)
def test_a_model_goes_to_new_data_and_predicts(finished, tmp_path, small):
    folder, found = finished[small.name]
    data = folder / ("heart.csv" if small is HEART else "images.npz")

    out = tmp_path / "m.safetensors"
    exported = modelward("model", "export", "run", "--out", out, cwd=folder)
    predicted = modelward(
        "model", "predict", out, "--data", data,
        "--out", tmp_path / "p.csv", cwd=tmp_path,
    )  # fmt: skip

    assert (exported.returncode, predicted.returncode) == (0, 0), predicted.stderr
    *files, signed = exported.stdout.splitlines()
    assert len(files) == 3
    assert re.fullmatch("signed by the hub with the public key [0-9a-f]{64}", signed)
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[0] == "row,probability"
    assert len(lines) - 1 == (920 if small is HEART else 600)
    assert predicted_auc(small, data, lines[1:]) == pytest.approx(found["federated"], abs=1e-4)
    assert found["model_sha256"] in (tmp_path / "m.card.json").read_text()


def test_an_audit_puts_a_leakage_card_into_the_report(finished, tmp_path):
    folder, _ = finished[PNEUMONIA.name]
    shutil.copytree(folder / "run", tmp_path / "run")

    told = [
        modelward("study", "audit", "run", "--canaries", 20, *extra, cwd=tmp_path)
        for extra in ((), ("--json",))
    ]

    assert [each.returncode for each in told] == [0, 0], told[0].stderr
    assert told[0].stdout.startswith("Leakage card.")
    figures = json.loads(told[1].stdout)
    kept = json.loads((tmp_path / "run/report/leakage.json").read_text())
    assert kept["updates"] == figures["updates"]
    for name in ("report.html", "report.json", "report.txt"):
        words = " ".join((tmp_path / "run/report" / name).read_text().split())
        assert words.count("other attacks may find more") == 1, name
    assert modelward("study", "audit", "run", "--site", "nowhere", cwd=tmp_path).returncode
