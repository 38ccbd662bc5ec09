"""A simulation says what a site would have been told of its data before it took part."""

import csv
from pathlib import Path

import numpy as np
import pytest

from modelward.simulation.analysis import run as run_sums
from modelward.simulation.data_check import ERROR, WARNING, keep, kept, of_sites
from modelward.simulation.dealing import Dealing, Special
from modelward.simulation.fitting import check_data
from modelward.simulation.folder import RunFolder
from modelward.simulation.simulate import Simulation
from modelward.study.read import parse
from tests.analyses import numbers, study_of
from tests.studies import TABLE


def table(path: Path, change: str = "") -> Path:
    """Write 200 invented patients of `TABLE`; `change` says what is wrong with them."""
    rng = np.random.default_rng(3)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["hospital", "age", "smoker", "ward", "ill"])
        for n in range(200):
            ill = int(rng.random() < 0.4)
            age: float = round(float(rng.normal(60, 10)), 2)
            smoker = ill if change == "leak" else int(rng.random() < 0.3)
            if change == "-999" and n % 10 == 0:
                age = -999
            ward = ("medical", "surgical", "other")[int(rng.integers(3))]
            writer.writerow(["north" if n % 2 else "south", age, smoker, ward, ill])
    return path


def said(path: Path) -> tuple[str, ...]:
    return check_data(path, parse(TABLE), Special())


def test_of_data_that_fit_nothing_is_said(tmp_path):
    assert said(table(tmp_path / "data.csv")) == ()


def test_a_sign_for_not_known_is_said_with_what_to_write(tmp_path):
    [told] = said(table(tmp_path / "data.csv", "-999"))

    assert told.startswith(f"{WARNING}age: the same value, -999 a, stands 20 times outside")
    assert "list it, as the file has it, under `missing`" in told


def test_an_answer_among_the_questions_is_said_as_the_error_it_is_at_a_site(tmp_path):
    [told] = said(table(tmp_path / "data.csv", "leak"))

    assert told.startswith(f"{ERROR}smoker: alone tells the outcome apart almost perfectly")


def test_what_an_earlier_try_said_is_forgotten(tmp_path):
    keep(RunFolder(tmp_path), (f"{ERROR}age: old.",))
    keep(RunFolder(tmp_path), ())

    assert kept(RunFolder(tmp_path)) == ()


def test_sites_that_bring_their_own_data_are_named(tmp_path):
    sites = RunFolder(tmp_path).sites
    for name, change in (("east", ""), ("west", "leak")):
        (sites / name).mkdir(parents=True)
        table(sites / name / "data.csv", change)
        text = '[dataset]\nkind = "table"\npath = "data.csv"\n'
        (sites / name / "dataset.toml").write_text(text)

    [told] = of_sites(RunFolder(tmp_path), ["east", "west"], parse(TABLE))

    assert told.startswith(f"{ERROR}west, smoker: alone tells the outcome apart")


@pytest.mark.slow
def test_the_report_repeats_it_also_when_it_is_written_again(tmp_path):
    study = study_of(numbers("age"), 'type = "boolean"', 'name = "describe"')
    path = tmp_path / "data.csv"
    rows = table(path, "-999").read_text().replace("ill", "y", 1).replace("-999", "-9999")
    path.write_text(rows)
    request = Simulation(
        study=study, data=path, dealing=Dealing(by="hospital"), out=tmp_path / "run", workers=1
    )

    for _ in range(2):
        done = run_sums(request)
        [told] = kept(RunFolder(tmp_path / "run"))
        assert told.startswith(f"{WARNING}age: the same value, -9999 1, stands 20 times")
        assert told in done.found.run.notes
