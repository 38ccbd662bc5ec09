"""Recipes of other packages: found without import, known by a hash, allowed or refused."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from modelward.core.columns import Inputs
from modelward.core.study import RecipeChoice
from modelward.core.tensors import FlatF32
from modelward.errors import GateRefused, StudyFileError
from modelward.recipes import brought
from modelward.recipes.catalogue import option_faults, recipe
from modelward.recipes.recipe import Descent
from modelward.study.read import parse
from tests.own_recipe import EXAMPLE, STUDY_FILE, install

CLOGLOG = RecipeChoice(name="cloglog")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, built and installed once."""
    source = tmp_path_factory.mktemp("source") / "own"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    return install(source, tmp_path_factory.mktemp("installed"))


@pytest.fixture
def here(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it on this process's path, to be damaged at will."""
    place = tmp_path / "site-packages"
    shutil.copytree(installed, place, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    forget()  # another test of this process may have imported it
    yield place
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "ward_recipes"]:
        del sys.modules[name]


def found() -> brought.Brought:
    (only,) = [each for each in brought.brought() if each.name == CLOGLOG.name]
    return only


@pytest.mark.slow
def test_it_is_found_and_hashed_and_not_imported(here):
    known = found()

    assert (known.name, known.package) == ("cloglog", "ward-recipes 1.0")
    lines = sorted(
        f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(here).as_posix()}\n"
        for path in (here / "ward_recipes").iterdir()
    )
    assert known.sha256 == sha256("".join(lines).encode()).hexdigest()
    assert "ward_recipes" not in sys.modules


@pytest.mark.usefixtures("here")
def test_a_study_can_ask_for_it_where_it_is_installed():
    study = parse(STUDY_FILE)

    assert recipe(study.recipe).name == "cloglog"
    wrong = CLOGLOG.model_copy(update={"options": {"l3": 1}})
    assert option_faults(wrong) == [("options.l3", "there is no such option", "valid here: l2")]
    later = CLOGLOG.model_copy(update={"version": 2})
    assert option_faults(later)[0][2] == "installed here: 1"


def test_a_study_cannot_ask_for_it_where_it_is_not():
    with pytest.raises(StudyFileError, match="there is no recipe 'cloglog'"):
        parse(STUDY_FILE)


@pytest.mark.usefixtures("here")
def test_a_site_allows_exactly_what_it_has_reviewed():
    brought.require("cloglog", {"cloglog": found().sha256})
    brought.require("logistic", {})

    with pytest.raises(GateRefused, match=r"cloglog.* is not in policy\.toml") as refused:
        brought.require("cloglog", {"other": found().sha256})
    assert f'cloglog = "{found().sha256}"' in refused.value.remedy
    assert "ward_recipes" not in sys.modules


@pytest.mark.parametrize("change", ["a byte", "a file more", "a file less", "another name"])
def test_whatever_is_changed_afterwards_is_refused(here, change):
    allowed = {"cloglog": found().sha256}
    code = here / "ward_recipes" / "cloglog.py"
    record = next(here.glob("*.dist-info")) / "RECORD"
    if change == "a byte":
        code.write_text(code.read_text() + "\n")
    elif change == "a file more":
        (here / "ward_recipes" / "extra.py").write_text("")
        record.write_text(record.read_text() + "ward_recipes/extra.py,,\n")
    elif change == "a file less":
        code.unlink()
    else:
        code.rename(here / "ward_recipes" / "cloglog2.py")
        record.write_text(record.read_text().replace("cloglog.py", "cloglog2.py"))

    with pytest.raises(GateRefused, match="is allowed as"):
        brought.require("cloglog", allowed)


def test_a_package_installed_for_editing_has_no_hash_and_is_refused(here):
    record = next(here.glob("*.dist-info")) / "RECORD"
    (here / "__editable__.pth").write_text("/home/me/recipes\n")
    record.write_text("__editable__.pth,,\n")

    assert found().sha256 == ""
    with pytest.raises(GateRefused, match="installed for editing"):
        brought.require("cloglog", {"cloglog": ""})


def test_a_name_that_comes_with_modelward_cannot_be_taken(here):
    entry = next(here.glob("*.dist-info")) / "entry_points.txt"
    entry.write_text(entry.read_text().replace("cloglog =", "logistic ="))

    assert type(recipe(RecipeChoice(name="logistic"))).__module__.startswith("modelward.")


def test_what_brings_no_recipe_is_refused_in_words(here):
    entry = next(here.glob("*.dist-info")) / "entry_points.txt"
    entry.write_text(entry.read_text().replace(":VERSIONS", ":losses"))

    with pytest.raises(StudyFileError, match="is no table of version -> Entry"):
        option_faults(CLOGLOG)


@pytest.mark.slow
def test_the_command_lists_it_with_what_to_add_to_the_policy(here):
    said = subprocess.run(
        [sys.executable, "-c", "from modelward.cli.app import main; main()", "recipes"],
        env={"PYTHONPATH": f"{here}:{':'.join(sys.path)}"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert "brought by ward-recipes 1.0" in said
    assert found().sha256 in said
    assert "logistic        version 1, comes with modelward" in said


@pytest.mark.usefixtures("here")
def test_the_example_descends_along_its_own_gradient():
    made = recipe(CLOGLOG)
    inputs = Inputs("table", (3,))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    y = (rng.random(40) < 0.3).astype(np.int8)
    flat: FlatF32 = (rng.normal(size=4) / 4).astype(np.float32)
    rows = np.arange(40)

    def objective(at: FlatF32) -> float:
        """The mean loss, in float64, by its definition."""
        p = made.probabilities(at, x, inputs)
        return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))

    before: FlatF32 = flat.copy()
    loss = made.local_model(flat, x, y, inputs, Descent()).step(rows, 1.0, rng)
    each = np.empty((40, 4), np.float32)
    made.row_gradients(before, x, y, inputs, 0.0).gradients(rows, rng, each)

    steps: list[FlatF32] = list((np.eye(4) / 100).astype(np.float32))
    by_hand = [(objective(before + d) - objective(before - d)) / 2e-2 for d in steps]
    np.testing.assert_allclose(before - flat, by_hand, atol=2e-4)
    np.testing.assert_allclose(each.mean(axis=0), before - flat, atol=1e-6)
    assert loss == pytest.approx(objective(before), rel=1e-5)
