"""Runs on the same test units are paired, others stand beside each other."""

import json
from pathlib import Path

import pytest

from modelward.errors import RunMismatch
from modelward.evaluate.side_by_side import OTHER_UNITS
from modelward.report.side_by_side import tell, write
from modelward.report.text import as_text
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.side_by_side import compared
from modelward.simulation.simulate import Simulation, simulate
from tests.studies import AVERAGED, HEADING, rows, table_study, write_csv

pytestmark = pytest.mark.slow


def ran(
    folder: Path,
    name: str,
    lines: list[str],
    *swaps: tuple[str, str],
    missing: tuple[str, ...] = (),
) -> Path:
    """Return the folder of a finished run of the small study after swaps."""
    request = Simulation(
        study=table_study(AVERAGED, ("test = 0.25", "test = 0.4"), *swaps),
        data=write_csv(folder / f"{name}.csv", lines, HEADING),
        dealing=Dealing(by="hospital"),
        special=Special(patient="patient", missing=missing),
        out=folder / name,
        workers=1,
    )
    simulate(request)
    return folder / name


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two runs on the same patients and one on others."""
    folder = tmp_path_factory.mktemp("runs")
    lines = rows(240)
    return [
        ran(folder, "usual", lines),
        ran(folder, "slow", lines, ("rounds = 3", "rounds = 1\nlr = 1e-6")),
        ran(folder, "others", rows(240, seed=5)),
    ]


def test_the_same_patients_are_compared_and_others_are_not(three):
    slow, others = compared(three).against

    assert slow.auc is not None
    assert slow.auc.difference.interval is not None
    assert slow.note == ""
    assert slow.adjusted is not None
    assert (others.auc, others.adjusted, others.note) == (None, None, OTHER_UNITS)
    assert (others.brier, others.brier_adjusted) == (None, None)


def test_runs_that_differ_in_what_means_missing_are_compared_on_the_same_units(three, tmp_path):
    again = ran(tmp_path, "again", rows(240), missing=("unknown",))
    (against,) = compared([three[0], again]).against

    assert against.note == ""
    assert against.auc is not None


def test_a_page_of_runs_names_the_file_that_has_its_numbers(three, tmp_path):
    written = write(compared(three[:2]), tmp_path / "page")

    assert "The same numbers are in comparison.json." in written.html.read_text("utf-8")


def test_a_difference_has_the_sign_of_the_figures(three):
    found = compared(three[:2])
    usual, slow = found.runs
    (against,) = found.against
    assert against.auc is not None

    assert against.auc.difference.value == pytest.approx(
        (slow.auc.value or 0) - (usual.auc.value or 0)
    )


def test_the_text_names_every_run_and_the_limits(three):
    text = " ".join(as_text(tell(compared(three))).split())

    assert all(name in text for name in ("usual", "slow", "others"))
    assert "partly luck" in text
    assert "other test units" in text


def test_the_files_say_the_same(three, tmp_path):
    found = compared(three)
    written = write(found, tmp_path / "out")

    assert json.loads(written.json.read_text())["runs"][0]["name"] == "usual"
    assert written.html.read_text().count("<svg") == 1
    assert "usual" in written.text.read_text()


@pytest.mark.parametrize(
    ("picked", "says"),
    [([], "no run was given"), ([0], "only usual was given"), ([0, 1, 0], "twice: usual")],
)
def test_a_comparison_is_of_two_runs_each_once(three, picked, says):
    with pytest.raises(RunMismatch, match=says):
        compared([three[n] for n in picked])


def test_an_unfinished_run_is_named(three, tmp_path):
    with pytest.raises(RunMismatch, match="holds no run"):
        compared([three[0], tmp_path])
