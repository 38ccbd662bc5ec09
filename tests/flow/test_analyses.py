"""Studies of sums from file to report, in process, behind masks and over the real wire."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelward.errors import StudyFileError
from modelward.ledger.verify import verify
from modelward.simulation.analysis import go_on, run
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.notebook import analyse
from modelward.simulation.simulate import Simulation, simulate
from modelward.study.read import parse
from tests.command import answered, modelward

STUDY = """
[study]
id = "follow-up"
purpose = "What shortens life?"
min_patients = 10
[features.age]
type = "number"
unit = "a"
range = [0, 120]
[features.stage]
type = "category"
levels = ["one", "two"]
[target.death]
type = "time-to-event"
horizon = 2000
[recipe]
name = "cox"
[plan]
strategy = "sums"
test = 0.0
"""
MASKED = STUDY + '[sites]\nminimum = 3\n[privacy]\naggregation = "secagg"\n'


def write_rows(path: Path) -> Path:
    """Write 360 invented patients of three hospitals."""
    draw = np.random.default_rng(5)
    lines = ["patient,hospital,age,stage,death,death_time"]
    for number in range(360):
        age, stage = draw.integers(30, 90), draw.integers(0, 2)
        died = draw.exponential(900 * np.exp(-0.03 * (age - 60) - 0.8 * stage))
        left = draw.uniform(0, 2500)
        where, named = ("east", "north", "west")[number % 3], ("one", "two")[stage]
        time = np.ceil(min(died, left))
        lines.append(f"p{number},{where},{age},{named},{int(died <= left)},{time:.0f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def with_recipe(body: str, text: str = STUDY) -> str:
    return text.replace('name = "cox"', body)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Any:
    made = tmp_path_factory.mktemp("sums")
    write_rows(made / "rows.csv")
    return made


def request(folder: Path, text: str, out: str, **more: Any) -> Simulation:
    return Simulation(
        study=parse(text),
        data=folder / "rows.csv",
        dealing=Dealing(by="hospital"),
        special=Special(patient="patient"),
        out=folder / out,
        workers=1,
        **more,
    )


@pytest.fixture(scope="module")
def plain(folder: Any) -> Any:
    return run(request(folder, STUDY, "plain"))


def test_a_run_ends_in_a_table_and_a_page_and_ledgers_that_verify(folder, plain):
    found = plain.found

    assert found.answered
    assert found.units == 360
    assert [row.name for row in found.coefficients] == ["age", "stage=two"]
    page = plain.report.read_text()
    assert page.count("<svg") == 1
    assert "hazard ratio" in page
    assert json.loads((folder / "plain/report/report.json").read_bytes()) == found.to_object()
    for site in found.sites:
        assert site.releases == plain.found.run.rounds + 1
        assert verify(folder / "plain/sites" / site.name / "ledger").entries == site.releases


def test_the_same_call_again_asks_nobody_and_says_the_same(folder, plain):
    again = go_on(folder / "plain")

    assert again.found.coefficients == plain.found.coefficients
    assert again.outcome.sha256 == plain.outcome.sha256
    assert [s.releases for s in again.found.sites] == [s.releases for s in plain.found.sites]


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    ['name = "cox"', 'name = "km"\noptions = { width = 100, by = "stage" }'],
    ids=["cox", "km"],
)
def test_sums_behind_masks_give_the_same_bits(folder, recipe):
    open_ones = run(request(folder, with_recipe(recipe), f"open-{len(recipe)}"))

    masked = run(request(folder, with_recipe(recipe, MASKED), f"masked-{len(recipe)}"))

    assert masked.found.run.masked
    assert masked.outcome.model.parameters.tobytes() == (
        open_ones.outcome.model.parameters.tobytes()
    )
    assert "behind masks" in masked.report.read_text()


@pytest.mark.slow
def test_behind_masks_the_hub_has_no_sums_of_single_sites(folder):
    recipe = 'name = "describe"\noptions = { by = "stage" }'
    open_ones = run(request(folder, with_recipe(recipe), "table"))

    masked = run(request(folder, with_recipe(recipe, MASKED), "table-masked"))

    assert open_ones.found.differences
    assert masked.found.differences == ()
    assert masked.found.rows == open_ones.found.rows
    assert not any(
        values.any() for name, values in masked.outcome.model.tensors.items()
        if name.startswith("site.")
    )  # fmt: skip


LOGISTIC = STUDY.replace('type = "time-to-event"\nhorizon = 2000\n', "")
WIRED = {
    "cox": STUDY,
    "km": with_recipe('name = "km"\noptions = { width = 100, by = "stage" }'),
    "stratified": with_recipe(
        'name = "km"\nversion = 2\noptions = { width = 100, by = "stage" }'
    ),
    "glm": with_recipe('name = "glm"', LOGISTIC),
    "describe": with_recipe('name = "describe"\noptions = { by = "stage" }'),
}
"""Recipe -> a study of it on the rows of this file."""


OTHERS = [
    pytest.param(name, marks=pytest.mark.exhaustive)
    for name in ("cox", "km", "stratified", "describe")
]


def masked(text: str) -> str:
    """Return a study that sums behind masks."""
    return text + MASKED.removeprefix(STUDY)


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", list(WIRED))
def test_the_real_wire_changes_no_bit(folder, name):
    local = run(request(folder, WIRED[name], f"local-{name}"))

    wired = run(request(folder, WIRED[name], f"wired-{name}", wire="jetstream"))

    assert wired.outcome.sha256 == local.outcome.sha256
    assert wired.wire is not None
    assert wired.found.curves == local.found.curves
    assert wired.found.coefficients == local.found.coefficients


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.parametrize("name", ["glm", *OTHERS])
def test_masked_sums_over_the_real_wire_are_those_in_the_open(folder, name):
    """Each site's sums stay behind masks on their way; their total has the same bits."""
    local = run(request(folder, WIRED[name], f"open-{name}"))

    wired = run(request(folder, masked(WIRED[name]), f"hidden-{name}", wire="jetstream"))

    assert wired.found.run.masked
    assert wired.wire is not None
    assert wired.found.curves == local.found.curves
    assert wired.found.coefficients == local.found.coefficients
    assert wired.found.rows == local.found.rows
    assert wired.found.log_rank == local.found.log_rank
    ours, open_ones = (made.outcome.model.tensors for made in (wired, local))
    same = [n for n in ours if not n.startswith("site.")]
    assert all(ours[n].tobytes() == open_ones[n].tobytes() for n in same)


@pytest.mark.slow
def test_the_commands_show_text_json_and_the_report_again(folder):
    (folder / "study.toml").write_text(STUDY)
    words = ("study", "simulate", "study.toml", "--data", "rows.csv", "--by", "hospital",
             "--patient", "patient", "--out", "by-command")  # fmt: skip

    said = modelward(*words, cwd=folder)
    as_json = answered(*words, cwd=folder)
    run_again = answered("study", "run", "by-command", cwd=folder)
    written = modelward("study", "report", "by-command", "--out", "again", cwd=folder)

    assert said.returncode == 0, said.stderr
    assert re.search(r"stage=two +0\.\d+ \[", said.stdout)
    assert as_json["ledger"]["verified"]
    assert as_json == run_again
    assert (folder / "again/report.html").read_text() == (
        folder / "by-command/report/report.html"
    ).read_text()
    assert written.returncode == 0


def test_a_study_of_sums_is_no_model_and_says_what_to_call(folder):
    with pytest.raises(StudyFileError, match="study of sums") as caught:
        simulate(request(folder, STUDY, "no-model"))

    assert "modelward.analyse" in caught.value.remedy


def test_what_has_no_answer_is_answered_and_named(folder, tmp_path):
    text = (folder / "rows.csv").read_text().replace(",two,", ",one,")
    (tmp_path / "rows.csv").write_text(text)

    made = analyse(
        parse(STUDY), tmp_path / "rows.csv", "hospital", tmp_path / "run",
        special=Special(patient="patient"), workers=1,
    )  # fmt: skip

    assert not made.found.answered
    assert made.found.columns == ("stage=two",)
    assert "There is no table to show" in made.report.read_text()
