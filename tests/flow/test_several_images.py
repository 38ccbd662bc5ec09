"""Several images of a patient, from a study file to a report: simulated, and over the wire."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from modelward.evaluate.findings import Findings
from tests.command import answered
from tests.nodes import Nodes, until
from tests.studies import IMAGES

pytestmark = pytest.mark.slow

STUDY = (
    IMAGES.replace("rounds = 3", "rounds = 2").replace("test = 0.2", "test = 0.4")
    + "\n[report]\n"
)
SITES = {"north": 80, "south": 70, "west": 30}
EACH = 4


def write_images(path: Path, patients: int, seed: int) -> None:
    """Write four images of every patient, bright or dark as the patient is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, 4])
    whose = np.repeat(np.arange(patients), EACH)
    label = np.arange(patients) % 2
    shade = 100 + 20 * label + 25 * rng.normal(size=patients)
    pixels = rng.normal(shade[whose][:, None, None], 40, (whose.size, 12, 12))
    np.savez(
        path,
        images=np.clip(pixels, 0, 255).astype(np.uint8),
        labels=label[whose],
        patients=np.array([f"{seed}-{one}" for one in whose]),
    )


def counts_patients(found: Findings, sites: int) -> None:
    """Check that figures, verdicts and words are of patients."""
    told = [one for one in found.verdicts if one.patients is not None]
    assert len(told) == sites
    for one in told:
        assert one.patients is not None
        assert one.units is not None
        assert one.patients.every < one.units <= EACH * one.patients.every
        assert f"{one.units} test images of {one.patients.every} patients" in one.sentence
        assert one.difference.interval is not None
        assert "patient" in one.difference.interval.method
    for each in (found.federated.overall, *(found.federated.at(v.site) for v in told)):
        assert each.patients is not None
        for name in ("auc", "accuracy", "sensitivity", "specificity", "brier", "slope"):
            interval = getattr(each, name).interval
            assert interval is None or "patient" in interval.method, name


def test_a_simulation_counts_patients(tmp_path):
    write_images(tmp_path / "images.npz", 240, 1)
    (tmp_path / "study.toml").write_text(STUDY)
    words = ("--data", "images.npz", "--sites", 3, "--out", "run")
    answered("study", "simulate", "study.toml", *words, cwd=tmp_path)

    found = Findings.from_json((tmp_path / "run" / "report" / "report.json").read_bytes())

    counts_patients(found, 3)
    assert found.model("pooled") is not None
    text = (tmp_path / "run" / "report" / "report.txt").read_text()
    assert "a patient with several images once" in " ".join(text.split())
    assert "too narrow" not in text


@pytest.mark.engine
def test_hub_and_sites_count_patients(tmp_path):
    for seed, (name, patients) in enumerate(SITES.items(), 1):
        write_images(tmp_path / name / "data.npz", patients, seed)
        (tmp_path / name / "dataset.toml").write_text(
            '[dataset]\nkind = "arrays"\npath = "data.npz"\n'
        )
    made = Nodes(tmp_path, SITES)
    for name in SITES:
        policy = tmp_path / name / "policy.toml"
        kept = policy.read_text().partition("\n")[2]
        policy.write_text(f'isolation = "none"\n{kept}')
    with made.up():
        study = made.propose(STUDY)
        for name in SITES:
            until(partial(lambda site: study in made.knows(site), name))
            made.check(name, study)
            made.approve(name, study)
        made.start(study)
        until(lambda: made.states()[study]["finished"], 300)
        found = Findings.from_json(json.dumps(made.report(study)).encode())

    # West tests on about twelve patients, six of either outcome, with four images each.
    assert {one.site for one in found.verdicts} == {"north", "south"}
    counts_patients(found, 2)
