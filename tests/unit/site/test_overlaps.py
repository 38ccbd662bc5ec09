"""A site refuses exact figures that differ from earlier ones by a few patients."""

from pathlib import Path
from typing import Any

import pytest

from modelward.artifact.store import Store
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.core.verdict import Refusal, Release
from modelward.errors import StorageError
from modelward.gate.offer import Offer
from modelward.gate.policy import LANES, Leakage, Policy
from modelward.site.hospital import Hospital
from modelward.site.isolation.snapshot import CohortFacts
from modelward.site.keeping.overlaps import Overlaps
from modelward.site.rooms.direct import DirectTrainer
from modelward.site.rooms.inspecting import DirectInspector
from modelward.study.answers import answer_to
from modelward.study.read import parse
from tests.sites import NEWTON, clock, make_site

LATER = parse(NEWTON.replace('purpose = "', 'purpose = "Again: '))
FIRST = parse(NEWTON)
COX = """
[study]
id = "follow-up"
purpose = "What shortens survival?"
[features.age]
type = "number"
unit = "a"
range = [18, 110]
[target.death]
type = "time-to-event"
horizon = 2000
[recipe]
name = "cox"
[plan]
strategy = "sums"
test = 0.2
"""


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


def objections(site: Path, study: Study, kind: TaskKind, *folds: range) -> list[str]:
    """Return what a site has against figures of such a kind, of training and test persons."""
    train, validation, test = (tuple(f"{who:064x}" for who in fold) for fold in folds)
    facts = CohortFacts(
        study=study.sha256,
        bundle="0" * 64,
        units={},
        patients={"train": train, "validation": validation, "test": test},
        named=True,
        notes=(),
    )
    artifact, schema = answer_to(study, kind)
    task = Task(study=study.sha256, round_no=1, kind=kind, model="0" * 64)
    offer = Offer(task=task, kind=artifact, tensors={}, patients=90, schema=schema)
    found = Overlaps(site, 10).objections(offer, study, lambda: facts)
    return [finding.rule for finding in found]


def test_test_units_are_remembered_beside_the_validation_units_of_the_same_study(tmp_path):
    folds = (range(200), range(200, 300), range(300, 400))
    assert objections(tmp_path, FIRST, "evaluate", *folds) == []
    assert objections(tmp_path, FIRST, "report", *folds) == []

    later = (range(200), range(200, 303), range(303, 400))

    assert objections(tmp_path, LATER, "report", *later) == ["difference"]


def test_a_column_under_another_name_is_known_by_its_codes(tmp_path):
    coded = COX.replace('type = "number"', 'type = "number"\ncode = ["LOINC:30525-0"]')
    renamed = coded.replace("features.age", "features.years").replace("death", "end")
    others = COX.replace("features.age", "features.years").replace("death", "end")
    persons = (range(200), range(0), range(300, 400))
    fewer = (range(197), range(0), range(300, 400))
    assert objections(tmp_path, parse(coded), "sums", *persons) == []

    assert objections(tmp_path, parse(others), "sums", *fewer) == []
    assert objections(tmp_path, parse(renamed), "sums", *fewer) == ["difference"]


def test_sums_of_both_folds_are_held_against_what_either_told(tmp_path):
    """The last round of `cox` counts pairs of test units too."""
    cox = parse(COX)
    folds = (range(200), range(200), range(300, 400))
    assert objections(tmp_path, cox, "sums", *folds) == []

    again = parse(COX.replace("survival", "again"))

    assert objections(tmp_path, again, "sums", *folds) == []
    assert objections(tmp_path, again, "sums", *folds[:2], range(303, 400)) == ["difference"]


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
