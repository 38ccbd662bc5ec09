"""The page on federated statistics, done as its reader would do it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import modelward as mw
from modelward.recipes.catalogue import ANALYSES
from tests.command import answered

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "federated-statistics.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml( \w+)?\n(.*?)```", PAGE, re.S)
WHOLE = next(text for kind, text in BLOCKS if not kind)
RECIPES = [text for kind, text in BLOCKS if kind == " recipe"]
NUMBER = next(text for kind, text in BLOCKS if kind == " target")


def replaced(recipe: str) -> str:
    """Return the page's study with another recipe, and the target that it takes."""
    text = re.sub(r"\[recipe\]\n.*?\n\n", f"[recipe]\n{recipe}\n", WHOLE, flags=re.S)
    if "linear" in recipe:
        text = re.sub(
            r"\[target.death\]\n.*?\n\n", f"[target.months]\n{NUMBER}\n", text, flags=re.S
        )
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Any:
    made = tmp_path_factory.mktemp("statistics")
    maker = ROOT / "examples" / "make_survivors.py"
    done = subprocess.run(
        [sys.executable, maker, "survivors.csv"], cwd=made, check=True, capture_output=True
    )
    assert done.stdout.decode().strip() in PAGE
    (made / "survival.toml").write_text(WHOLE)
    return made


@pytest.mark.slow
def test_the_commands_of_the_page_run_and_write_what_it_says(folder):
    line = next(x for x in PAGE.splitlines() if x.startswith("$ modelward study simulate"))

    found = answered(*line.removeprefix("$ modelward ").split(), cwd=folder)

    assert found["answered"]
    assert found["ledger"]["verified"]
    assert {row["name"] for row in found["coefficients"]} >= {"age", "treated"}
    for name in ("report.html", "report.json", "report.txt"):
        assert (folder / "cox" / "report" / name).stat().st_size > 500


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda text: text.split('"')[1])
def test_the_other_recipes_of_the_page_run(folder, tmp_path, recipe):
    found = mw.analyse(
        mw.parse_study(replaced(recipe)),
        months(folder, tmp_path) if "linear" in recipe else folder / "survivors.csv",
        by="hospital",
        out=tmp_path / "run",
        special=mw.Special(patient="patient"),
        workers=1,
    ).found

    assert found.answered, found.run.reason
    assert found.coefficients or found.curves or found.rows


def months(folder: Path, place: Path) -> Path:
    """Return the table with the time as the number that a linear model explains."""
    text = (folder / "survivors.csv").read_text()
    (place / "months.csv").write_text(text.replace("death_time", "months", 1))
    return place / "months.csv"


def test_every_statistical_recipe_is_on_the_page():
    assert [name for name, _ in ANALYSES if f"| `{name}` |" not in PAGE] == []
