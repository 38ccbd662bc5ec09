"""Sequences of events and times to an event, from an archive to a report and a prediction."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.simulation.notebook import simulate
from modelward.site.predict import predict_file
from modelward.study.read import parse

STUDY = """
[study]
id = "courses"
purpose = "How long do patients stay out of hospital?"
min_patients = 5
[cohort.index]
code = ["SNOMED:32485007"]
pick = "first"
[features.course]
type = "sequence"
steps = 6
window = [-100, 0]
[features.course.items.creatinine]
code = ["LOINC:2160-0"]
unit = "mg/dL"
range = [0.1, 20]
[features.course.items.visit]
code = ["SNOMED:185349003"]
[target.back]
type = "time-to-event"
horizon = 90
intervals = [30, 60, 90]
[recipe]
name = "gru"
options = { width = 4, state = 5 }
[plan]
rounds = 3
lr = 0.3
validation = 0.2
test = 0.3
[stop]
metric = "auc"
"""


def courses(each: int = 60) -> dict[str, Any]:
    """Return patients of two hospitals who come back sooner the higher their creatinine is."""
    draw = np.random.default_rng(2)
    n = 2 * each
    codes = draw.integers(1, 3, (n, 6))
    codes[:, 4:] *= draw.random((n, 1)) < 0.7
    times = -np.sort(-draw.integers(0, 101, (n, 6)), axis=1)
    level = draw.uniform(0.5, 5, (n, 1))
    values = np.where(codes == 1, np.round(level * np.ones((n, 6)), 2), 0)
    back = draw.exponential(200 / level[:, 0])
    left = draw.uniform(20, 200, n)
    return {
        "codes": codes,
        "times": np.where(codes > 0, times, 0),
        "values": values,
        "labels": (back <= left).astype(np.int8),
        "days": np.ceil(np.minimum(back, left)),
        "hospital": np.repeat(["north", "south"], each),
    }


def ran(folder: Path, name: str, workers: int = 1) -> Any:
    np.savez(folder / "courses.npz", **courses())
    return simulate(
        parse(STUDY), folder / "courses.npz", by="hospital", out=folder / name, workers=workers
    )


@pytest.mark.slow
def test_courses_go_from_an_archive_to_a_report_and_a_prediction_for_every_interval(tmp_path):
    result = ran(tmp_path, "run")

    measures = {one.measure for one in result.findings.beyond if one.model == "federated"}
    assert measures == {"C-index", "integrated Brier score"}
    page = result.report.read_text("utf-8")
    assert "C-index" in page
    assert "in no yes/no figure" in page

    rows, filled = predict_file(
        result.outcome.model, tmp_path / "courses.npz", tmp_path / "out.csv"
    )

    said = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert (rows, filled) == (120, 0)
    assert list(said[0]) == ["row", "probability", "by_30", "by_60", "by_90"]
    for row in said:
        assert 0 <= float(row["by_30"]) <= float(row["by_60"]) <= float(row["by_90"])
        assert row["probability"] == row["by_90"]


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_network_on_sequences_has_the_same_bits_with_one_worker_and_two(tmp_path):
    hashes = {ran(tmp_path, f"run{n}", n).outcome.sha256 for n in (1, 2)}

    assert len(hashes) == 1
