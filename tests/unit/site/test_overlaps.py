"""A site refuses exact figures that differ from earlier ones by a few patients."""

from pathlib import Path
from typing import Any

import pytest

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task
from modelward.core.verdict import Refusal, Release
from modelward.errors import StorageError
from modelward.gate.policy import LANES, Leakage, Policy
from modelward.site.direct import DirectTrainer
from modelward.site.hospital import Hospital
from modelward.site.inspecting import DirectInspector
from modelward.study.read import parse
from tests.sites import NEWTON, clock, make_site

LATER = parse(NEWTON.replace('purpose = "', 'purpose = "Again: '))
FIRST = parse(NEWTON)


def ask(folder: Path, study: Study, *, inspected: bool = True) -> tuple[Any, list[Any]]:
    """Return the answer about `study` and the ledger, of a site that is started afresh."""
    trainer = DirectTrainer(folder, "cleveland")
    inspector = DirectInspector(trainer, Leakage()) if inspected else None
    hospital = Hospital(
        folder,
        "cleveland",
        policy=Policy(lanes=LANES),
        clock=clock,
        trainer=trainer,
        inspector=inspector,
    )
    hospital.join(study)
    try:
        task = Task(study=study.sha256, round_no=0, kind="statistics")
        return hospital.answer(task, Store(folder / "models")), list(hospital.ledger)
    finally:
        hospital.close()


def without(folder: Path, patients: int) -> None:
    """Take the last `patients` out of the site's table."""
    (table,) = folder.glob("*.csv")
    table.write_text("\n".join(table.read_text().splitlines()[:-patients]) + "\n")


def test_the_same_statistics_without_three_patients_are_refused(tmp_path):
    site = make_site(tmp_path / "cleveland", 1)
    assert isinstance(ask(site, FIRST)[0], Release)
    without(site, 3)

    answer, ledger = ask(site, LATER)

    assert isinstance(answer, Refusal)
    (finding,) = ledger[-1]["findings"]
    assert finding["rule"] == "difference"
    assert "differs by" in finding["says"]
    assert FIRST.sha256[:12] in finding["says"]


def test_the_same_cohort_may_be_asked_again_and_so_may_a_quite_different_one(tmp_path):
    site = make_site(tmp_path / "cleveland", 1)
    ask(site, FIRST)

    assert isinstance(ask(site, LATER)[0], Release)
    without(site, 30)
    assert isinstance(ask(site, parse(NEWTON.replace("Predict", "Find")))[0], Release)


def test_where_nobody_inspects_nobody_remembers(tmp_path):
    site = make_site(tmp_path / "cleveland", 1)
    ask(site, FIRST, inspected=False)

    assert not (site / "told").exists()


def test_what_is_remembered_names_nobody_and_a_damaged_memory_stops_the_site(tmp_path):
    site = make_site(tmp_path / "cleveland", 1)
    ask(site, FIRST)
    (memory,) = (site / "told").iterdir()
    assert b"mrn" not in memory.read_bytes()
    memory.write_bytes(b"{}")

    with pytest.raises(StorageError, match="is damaged"):
        ask(site, LATER)
