"""What is exported predicts what was trained, and a stored study means what was written."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import modelward as mw
from modelward.study.template import TABLE

ROOT = Path(__file__).parents[2]
PATIENT = mw.Special(patient="patient")


def shuffled_study() -> mw.Study:
    """Return the template's study with its features in an order that no alphabet has."""
    head, _, rest = TABLE.partition("[features.age]")
    age, _, rest = rest.partition("[features.ward]")
    ward, _, tail = rest.partition("[target.readmitted]")
    text = f"{head}[features.ward]{ward}[features.age]{age}[target.readmitted]{tail}"
    study = mw.parse_study(text)
    assert list(study.features) != sorted(study.features)
    return study


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    """Return a table of three hospitals."""
    path = tmp_path_factory.mktemp("data") / "patients.csv"
    maker = ROOT / "examples" / "make_patients.py"
    subprocess.run([sys.executable, maker, path], check=True)
    return path


@pytest.mark.slow
def test_an_exported_model_is_as_good_on_the_same_patients_as_the_report_says(
    patients, tmp_path
):
    result = mw.simulate(shuffled_study(), patients, "hospital", tmp_path, special=PATIENT)
    mw.export_model(tmp_path, tmp_path / "model.safetensors")
    model = mw.open_model(tmp_path / "model.safetensors")

    trained = result.outcome.model
    assert model.parameters.tolist() == trained.parameters.tolist()
    table = tmp_path / "two.csv"
    heading = "patient,age,creatinine,diabetes,ward"
    table.write_text(f"{heading}\nyoung,30,0.7,no,surgical\nold,90,3.0,yes,medical\n")
    young, old = mw.predict(model, table, patient="patient").probability
    assert young < 0.1
    assert old > 0.8
    # By hand: columns by name, the scaling of the model, the logistic function.
    assert trained.scaling is not None
    by_hand = trained.scaling.apply(np.array([[30, 0.7, 0, 1, 0], [90, 3.0, 1, 0, 0.0]]))
    logits = by_hand @ trained.parameters[1:] + trained.parameters[0]
    assert [young, old] == pytest.approx(list(1 / (1 + np.exp(-logits))))


@pytest.mark.slow
def test_going_on_from_the_stored_study_gives_the_same_hash(patients, tmp_path):
    study = shuffled_study()
    whole = mw.simulate(study, patients, "hospital", tmp_path / "whole", special=PATIENT)

    half = tmp_path / "half"
    mw.simulate(study, patients, "hospital", half, special=PATIENT)
    stored = json.loads((half / "run.json").read_bytes())["terms"]
    assert list(stored["features"]) == sorted(stored["features"])
    for leftover in [*half.glob("hub/registry.sqlite*"), *half.glob("baselines/*.json")]:
        leftover.unlink()
    again = mw.resume(half)

    assert again.outcome.sha256 == whole.outcome.sha256
    assert again.findings.federated == whole.findings.federated
