"""The demo, as a newcomer runs it; the heart figures are those of the literature."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from modelward.readers.dataset import Dataset, Source
from modelward.readers.tables.table import read_table
from modelward.simulation import data
from modelward.site.predict import open_model
from modelward.study.read import read
from tests.command import modelward
from tests.flow.runs import check_ledgers

pytestmark = pytest.mark.slow

KEYS = {
    "id", "sites", "rounds", "seconds", "metric", "federated", "pooled", "local", "verdict",
    "model_sha256", "ledger", "report",
}  # fmt: skip
"""What the issue asks of every study in the object."""

WORDS = {"federated better", "no difference shown", "keep your local model"}


def demo(folder: Path, name: str, *words: object) -> Any:
    """Run one study of the demo, and return the only object it prints."""
    found = modelward(
        "demo", "--only", name, "--json", "--out", "demo", *words, cwd=folder, seconds=900
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("\n") == 1, "one object and nothing else"
    (study,) = json.loads(found.stdout)["studies"]
    assert set(study) >= KEYS
    assert set(study["ledger"]) == {"path", "entries", "verified"}
    assert set(study["verdict"].values()) <= WORDS
    assert set(study["local"]) == set(study["sites"])
    assert (folder / study["report"]).is_file()
    return study


@pytest.fixture(scope="module")
def heart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder and the object of the heart study."""
    folder = tmp_path_factory.mktemp("heart")
    return folder, demo(folder, "heart-disease", "--workers", 1)


def test_the_heart_study_reaches_the_pooled_anchors(heart):
    _, study = heart

    assert study["accuracy"]["federated"] == pytest.approx(0.795, abs=0.005)
    assert study["federated"] == pytest.approx(0.881, abs=0.002)
    assert study["pooled"] == pytest.approx(study["federated"], abs=1e-9)
    assert study["local"]["switzerland"] is None, "its training fold has one class"
    assert set(study["variants"]) == {"fedavg-sgd", "fedavg-adam"}


def test_every_ledger_of_the_heart_study_verifies(heart):
    folder, study = heart

    assert study["ledger"]["verified"] is True
    assert check_ledgers(folder / "demo" / "heart-disease") == study["ledger"]["entries"]


def test_the_single_class_hospital_is_told_in_words(heart):
    folder, study = heart
    report = (folder / study["report"]).with_suffix(".txt").read_text()

    assert "switzerland: no model of its own can be fitted" in " ".join(report.split())


def test_federated_coefficients_are_those_of_the_pooled_fit(heart, tmp_path):
    folder, _ = heart
    out = tmp_path / "heart.safetensors"
    exported = modelward(
        "model", "export", folder / "demo" / "heart-disease", "--out", out, cwd=tmp_path
    )
    assert exported.returncode == 0, exported.stderr
    model = open_model(out)
    assert model.scaling is not None
    table = folder / "demo" / "heart-disease.csv"
    source = Source(kind="table", path=table.name, split="split")
    cohort = read_table(
        table, Dataset(dataset=source), read(data.STUDIES / "heart-disease.toml")
    )
    x, y = cohort.fold("train")

    scaled = (x - x.mean(0)) / x.std(0)
    oracle = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(scaled, y)

    pooled = np.concatenate([oracle.intercept_, oracle.coef_[0]])
    np.testing.assert_allclose(model.parameters, pooled, atol=1e-6)
    np.testing.assert_allclose(model.scaling.center, x.mean(0), rtol=1e-9)
    np.testing.assert_allclose(model.scaling.spread, x.std(0), rtol=1e-9)


def test_two_workers_give_the_heart_model_of_one(heart, tmp_path):
    assert (
        demo(tmp_path, "heart-disease", "--workers", 2)["model_sha256"]
        == heart[1]["model_sha256"]
    )


def same_over_the_wire(folder: Path, name: str, expected: str) -> None:
    """Run a study as processes over mutual TLS, with approvals, and compare its model."""
    words = ("--only", name, "--json", "--out", "demo", "--wire", "jetstream")
    found = modelward("demo", *words, cwd=folder, seconds=1800)
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)

    assert told["studies"][0]["model_sha256"] == expected
    assert set(told["wire"]) == {"round_ms_median", "bytes_up", "bytes_down"}
    assert min(told["wire"].values()) > 0


@pytest.mark.engine
def test_hub_and_sites_as_processes_give_the_heart_model_of_one(heart, tmp_path):
    same_over_the_wire(tmp_path, "heart-disease", heart[1]["model_sha256"])


@pytest.mark.engine
@pytest.mark.exhaustive
def test_hub_and_sites_as_processes_give_the_pneumonia_model_of_one(tmp_path):
    for name in ("one", "wire"):
        (tmp_path / name).mkdir()
    alone = demo(tmp_path / "one", "pneumonia-cxr")["model_sha256"]

    same_over_the_wire(tmp_path / "wire", "pneumonia-cxr", alone)


def test_without_json_there_is_a_table_and_where_to_read_on(heart):
    folder, study = heart

    told = modelward("demo", "--only", "heart-disease", "--out", "demo", cwd=folder)

    assert told.returncode == 0
    assert "heart-disease: 4 hospitals" in told.stdout
    assert study["model_sha256"] in told.stdout
    assert "Traceback" not in told.stderr
    assert max(map(len, told.stdout.splitlines())) <= 100


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_pneumonia_study_reaches_its_target(tmp_path, seed):
    study = demo(tmp_path, "pneumonia-cxr", "--seed", seed)

    assert study["federated"] >= 0.955
    assert study["federated"] >= study["pooled"] - 0.015
    assert study["ledger"]["verified"] is True
    assert len(study["sites"]) == 5
    run = (tmp_path / study["ledger"]["path"]).parent
    assert check_ledgers(run) == study["ledger"]["entries"]
