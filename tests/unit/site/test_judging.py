"""A site judges what it computed by its own smallest cell, with the data at hand."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Refusal, Release
from modelward.gate.policy import LANES, Leakage, Policy
from modelward.site.hospital import Hospital
from modelward.site.rooms.direct import DirectTrainer
from modelward.site.rooms.inspecting import DirectInspector
from modelward.study.model import initial
from modelward.study.read import parse
from modelward.study.scaling import frozen
from tests.sites import FEDAVG, clock, make_site, newton

PRIVATE = '[privacy.dp]\nepsilon = 3.0\ndelta = 1e-4\nscaling = "noised"\n'


def site_with(folder: Path, diabetic: int) -> Path:
    """Return a site of 90 patients, of whom so many of the training fold are diabetic."""
    site = make_site(folder / "cleveland", 1)
    head, *rows = (site / "data.csv").read_text().splitlines()
    cells = [row.split(",") for row in rows]
    for number, cell in enumerate(cells):
        cell[3] = str(int(number < diabetic))
    (site / "data.csv").write_text("\n".join([head, *(",".join(c) for c in cells)]) + "\n")
    return site


def asked(site: Path, study: Study) -> tuple[Any, list[dict[str, Any]]]:
    """Return the sums for scaling that left, and the ledger after a question for slopes."""
    trainer = DirectTrainer(site, "cleveland")
    hospital = Hospital(
        site, "cleveland", policy=Policy(lanes=LANES), clock=clock, trainer=trainer,
        inspector=DirectInspector(trainer, Leakage()),
    )  # fmt: skip
    hospital.join(study)
    models = Store(site / "models")
    try:
        first = Task(study=study.sha256, round_no=0, kind="statistics")
        answer = hospital.answer(first, models)
        assert isinstance(answer, Release)
        sums = {name: values.tolist() for name, values in answer.artifact.tensors.items()}
        model = initial(study, frozen(study, answer.artifact.tensors))
        digest, _ = models.put(model.tensors, model.schema)
        hospital.answer(
            Task(study=study.sha256, round_no=1, kind="newton", model=digest), models
        )
        return sums, [dict(entry) for entry in hospital.ledger]
    finally:
        hospital.close()


def test_five_diabetics_are_left_out_of_the_sums_and_refused_in_the_slopes(tmp_path):
    sums, ledger = asked(site_with(tmp_path, 5), newton())

    assert sums["known"][2] == sums["total"][2] == sums["square"][2] == 0
    assert sums["known"][0] == sums["units"][0]
    assert ledger[-1]["kind"] == "refusal"
    (finding,) = ledger[-1]["findings"]
    assert finding["rule"] == "cells"
    assert "persons on one side" in finding["says"]


def test_forty_diabetics_are_in_both(tmp_path):
    sums, ledger = asked(site_with(tmp_path, 40), newton())

    assert sums["known"][2] == sums["units"][0]
    assert [entry["kind"] for entry in ledger] == ["release", "release"]


@pytest.mark.parametrize("terms", ["", PRIVATE], ids=["open", "private"])
def test_ninety_stays_of_six_patients_are_six_patients(tmp_path, terms):
    site = make_site(tmp_path / "cleveland", 1)
    head, *rows = (site / "data.csv").read_text().splitlines()
    rows = [f"P{number % 6}," + row.partition(",")[2] for number, row in enumerate(rows)]
    (site / "data.csv").write_text("\n".join([head, *rows]) + "\n")
    study = parse(FEDAVG.replace('id = "', 'unit = "encounter"\nid = "') + terms)
    trainer = DirectTrainer(site, "cleveland")
    with closing(
        Hospital(
            site, "cleveland", policy=Policy(lanes=LANES), clock=clock, trainer=trainer,
            inspector=DirectInspector(trainer, Leakage()),
        )
    ) as hospital:  # fmt: skip
        hospital.join(study)
        task = Task(study=study.sha256, round_no=0, kind="statistics")

        answer = hospital.answer(task, Store(site / "models"))

        entries: list[dict[str, Any]] = [dict(each) for each in hospital.ledger]
    assert isinstance(answer, Refusal)
    (entry,) = entries
    assert [finding["rule"] for finding in entry["findings"]] == ["min-patients"]
