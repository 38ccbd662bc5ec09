"""What holds for every page: links lead somewhere, files that are named exist, lists are whole.

Words about safety are test_words.py's, single records test_decisions.py's.
"""

import re
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")]
)
DECISIONS = sorted((ROOT / "docs/decisions").glob("0*.md"))


def name(path: Path) -> str:
    """Return a path as a reader would type it."""
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Return the anchors that the headings of a page have."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)

    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_a_page_names_exists(page):
    text = page.read_text("utf-8")
    named = re.findall(r"`((?:tests|src|examples|docs)/[\w./-]+)`", text)

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_decision_is_listed_under_its_title():
    index = (ROOT / "docs/decisions/README.md").read_text("utf-8")

    assert DECISIONS
    for path in DECISIONS:
        title = path.read_text("utf-8").split("\n")[0].partition(". ")[2]
        assert f"| [{path.name[:4]}]({path.name}) | {title} |" in index


@pytest.mark.parametrize(
    "name",
    ["site", "readers", "evaluate", "report", "engines/jetstream", "recipes", "exchange"],
)
def test_what_lies_in_a_large_folder_stands_once_under_its_idea(name):
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    table = page.partition(f"| in `{name}` | what is there |\n")[2].partition("\n\n")[0]
    folder = ROOT / "src/modelward" / name
    files = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    folders = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}

    assert sorted(re.findall(r"`(\w+(?:\.py|/))`", table)) == sorted(files | folders)


def test_the_layers_drawn_are_those_that_are_checked():
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    rows = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    here = {path.stem for path in (ROOT / "src/modelward").iterdir()}
    checked = [sorted(set(re.findall(r"\w+", row)) & here) for row in rows]
    drawn = re.search(r"```\n(cli .*?)```", page, re.S)
    assert drawn
    rows_drawn = [
        sorted(takewhile(here.__contains__, line.split())) for line in drawn[1].splitlines()
    ]

    # `durable` and `errors` are two rows that share a line.
    together = [row for row in checked[:-2] if row] + [["durable", "errors"]]
    assert [row for row in rows_drawn if row] == together
