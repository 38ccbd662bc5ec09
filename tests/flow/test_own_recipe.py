"""A recipe of one's own, from the example: tried on one machine, allowed at a site, refused."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelward.artifact.store import Store
from modelward.core.task import Task
from modelward.core.verdict import Answer, Refusal, Release
from modelward.recipes.brought import brought
from modelward.site.gatekeeper import Gatekeeper
from modelward.site.rooms.direct import DirectTrainer
from modelward.study.model import initial
from modelward.study.read import parse
from modelward.study.scaling import Scaling
from tests import sites
from tests.command import environment
from tests.own_recipe import EXAMPLE, STUDY_FILE, install
from tests.sites import ADA, FEDAVG, clock, make_site, proposal
from tests.studies import rows, write_csv

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source") / "own"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    return install(source, tmp_path_factory.mktemp("installed"))


def test_a_study_with_it_is_simulated_to_its_report(installed, tmp_path):
    (tmp_path / "study.toml").write_text(STUDY_FILE)
    write_csv(tmp_path / "d.csv", rows(600))
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])

    done = subprocess.run(
        [sys.executable, "-m", "modelward", "study", "simulate", "study.toml",
         "--data", "d.csv", "--by", "hospital", "--patient", "patient"],
        cwd=tmp_path, env=environment({"PYTHONPATH": path}), capture_output=True, text=True,
        timeout=200, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "small: 3 simulated hospitals, 3 rounds" in done.stdout
    assert (tmp_path / "study-run" / "report" / "report.html").exists()


def test_a_site_answers_with_it_only_when_its_policy_has_the_hash(
    installed, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(str(installed))
    study = parse(FEDAVG.replace('name = "logistic"', 'name = "cloglog"'))
    folders = {name: make_site(tmp_path / name, 1) for name in ("cleveland", "va")}
    folder, models = folders["cleveland"], Store(tmp_path / "hub")
    half, center = np.full(3, 0.5), np.array([60.0, 0.5, 0.5])
    start = initial(study, Scaling(center, half, center))
    asked = Task(
        study=study.sha256,
        round_no=1,
        kind="train",
        model=models.put(start.tensors, start.schema)[0],
    )
    (known,) = [each for each in brought() if each.name == "cloglog"]

    answers: list[Answer] = []
    for allowed in ({}, {"cloglog": "ab" * 32}, {"cloglog": known.sha256}):
        keeper = Gatekeeper(
            folder, "cleveland", replace(sites.policy("none"), recipes=allowed),
            clock=clock, trainer=DirectTrainer(folder, "cleveland"),
        )  # fmt: skip
        keeper.receive(proposal(sites.agreement(study, folders)))
        if not answers:
            keeper.approvals.decide("approved", study.sha256, "Dr Ada Byron", ADA, clock())
        answers.append(keeper.answer(asked, models))
        last = list(keeper._hospital.ledger)[-1]
        keeper.close()
        if len(answers) < 3:
            assert last["kind"] == "intake"
            assert last["findings"][0]["rule"] == "recipe"  # type: ignore[index,call-overload]

    assert [type(answer) for answer in answers] == [Refusal, Refusal, Release]
