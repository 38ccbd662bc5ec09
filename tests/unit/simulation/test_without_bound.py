"""A study under a privacy bound, trained once more without it, as a report shows the two."""

import json
from pathlib import Path

import numpy as np
import pytest

from modelward.errors import StudyFileError
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.simulate import Result, Simulation, resume, simulate
from modelward.simulation.without_bound import unbounded
from modelward.study.explain import explain
from modelward.study.read import parse
from tests.studies import HEADING, TABLE, write_csv

SITES = ("north", "south", "west")

BOUND = "\n[privacy.dp]\nepsilon = 0.5\nsampling = 1.0\n"
ASKED = '\n[evaluation]\ngroups = ["smoker"]\n\n[evaluation.without_dp]\nlr = 0.5\nbatch = 16\n'
PLAN = TABLE.replace('strategy = "newton"\nrounds = 8\ntest = 0.25', "rounds = 2\ntest = 0.5")
STUDY = PLAN + BOUND + ASKED


def patients(number: int) -> list[str]:
    """Return patients who fall ill by their age."""
    rng = np.random.default_rng(5)
    lines = []
    for n in range(number):
        age, smoker = float(rng.uniform(20, 95)), int(rng.random() < 0.3)
        ward = str(rng.choice(["medical", "surgical", "other"]))
        ill = int(rng.random() < 1 / (1 + np.exp(-(age - 58) / 9)))
        lines.append(f"{SITES[n % 3]},p{n:05d},{age:.1f},{smoker},{ward},{ill}")
    return lines


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder: Path = tmp_path_factory.mktemp("bounded")
    request = Simulation(
        study=parse(STUDY),
        data=write_csv(folder / "data.csv", patients(600), HEADING),
        dealing=Dealing(by="hospital"),
        special=Special(patient="patient"),
        out=folder / "run",
        workers=1,
    )
    return simulate(request)


@pytest.mark.slow
def test_every_group_and_hospital_is_judged_with_the_bound_and_without(run):
    assert run.findings.bound is not None
    losses = run.findings.bound.losses

    assert [(one.site, one.level) for one in losses[:6]] == [
        ("", ""), ("north", ""), ("south", ""), ("west", ""), ("", "no"), ("", "yes"),
    ]  # fmt: skip
    assert losses[0].bounded == run.findings.federated.overall.auc.value
    assert losses[0].free != losses[0].bounded
    assert all(one.difference.interval for one in losses)


@pytest.mark.slow
def test_no_budget_is_spent_on_the_comparison_and_its_releases_have_no_bound(run):
    other = unbounded(run.study).sha256
    for site in SITES:
        lines = (run.folder / "sites" / site / "ledger" / "entries.jsonl").read_text()
        entries = [json.loads(line) for line in lines.splitlines()]
        mine = [e for e in entries if e.get("study") == other]
        assert {e["kind"] for e in mine} == {"release"}
        assert {e["privacy"]["mechanism"] for e in mine} == {"none"}
        (booked,) = (e for e in entries if e["kind"] == "reservation")
        assert booked["study"] == run.study.sha256


@pytest.mark.slow
def test_the_same_run_goes_on_to_the_same_findings(run):
    assert resume(run.folder, workers=1).findings == run.findings
    text = " ".join(run.report.with_suffix(".txt").read_text().split())
    assert "trained here to compare with" in text


def test_the_study_without_a_bound_is_another_one_with_the_steps_that_were_signed():
    found = unbounded(parse(STUDY))

    assert (found.id, found.privacy.dp) == ("small-without-dp", None)
    assert (found.plan.lr, found.plan.batch, found.plan.rounds) == (0.5, 16, 2)
    assert found.sha256 != parse(PLAN).sha256


def test_whoever_approves_reads_that_nobody_is_asked_for_it():
    assert "Hospitals are not asked for that." in explain(parse(STUDY))


def test_without_a_bound_there_is_nothing_to_compare():
    with pytest.raises(StudyFileError, match=r"it has none"):
        parse(PLAN + ASKED)


def test_a_key_that_is_absent_leaves_no_trace():
    plain = parse(PLAN + BOUND + '\n[evaluation]\ngroups = ["smoker"]\n')

    assert "without_dp" not in json.dumps(plain.model_dump(mode="json"))
