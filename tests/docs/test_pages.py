"""What holds for every page: links lead somewhere, words are measured, lists are whole."""

import re
import tomllib
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from pkgutil import iter_modules

import pytest

import modelward.core

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src").rglob("*.md")]
)
SPEAKING = [
    *PAGES,
    *(ROOT / "examples").glob("*.py"),
    *(ROOT / "src/modelward/report").glob("*.py"),
    *(ROOT / "src/modelward/study").glob("*.py"),
    *(ROOT / "src/modelward/cli").glob("*.py"),
    *(ROOT / "src/modelward/simulation").glob("*.py"),
    *(ROOT / "src/modelward/simulation/studies").glob("*.toml"),
]
"""Everything that a reader outside the project is shown."""

CLAIMS = [
    r"zero[ -]risk", r"risk[ -]free", r"(fully|100 ?%) compliant", r"anonymous",
    r"anonymi[sz]ed", r"data never leaves?", r"data does not leave",
    r"completely (safe|secure|private)",
    r"guarantees? (privacy|safety)", r"\bunhackable\b", r"military[ -]grade",
]  # fmt: skip
"""What we never say, because nothing could measure it."""

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


@pytest.mark.parametrize("page", SPEAKING, ids=name)
def test_nothing_is_claimed_that_could_not_be_measured(page):
    text = " ".join(page.read_text("utf-8").split())

    assert [claim for claim in CLAIMS if re.search(claim, text, re.I)] == []


@pytest.mark.parametrize("claim", ["Zero risk!", "your data never leaves", "anonymous data"])
def test_the_list_of_claims_finds_them(claim):
    assert any(re.search(pattern, claim, re.I) for pattern in CLAIMS)


def test_decisions_are_numbered_without_gaps_and_listed():
    index = (ROOT / "docs/decisions/README.md").read_text("utf-8")

    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    for path in DECISIONS:
        title = path.read_text("utf-8").split("\n")[0].partition(". ")[2]
        assert f"| [{path.name[:4]}]({path.name}) | {title} |" in index


@pytest.mark.parametrize("path", DECISIONS, ids=name)
def test_a_decision_is_short_and_has_its_parts(path):
    text = path.read_text("utf-8")

    assert len(text.splitlines()) <= 60
    assert re.match(rf"# {int(path.name[:4])}\. .+\n\nStatus: \w+, \d{{4}}-\d\d-\d\d\.", text)
    assert re.findall(r"^## (.*)$", text, re.M) == [
        "Question", "Options", "Decision", "What this costs",
    ]  # fmt: skip


def test_every_public_class_of_core_is_in_the_glossary():
    glossary = (ROOT / "docs/glossary.md").read_text("utf-8")
    found = {
        kind
        for module in iter_modules(modelward.core.__path__)
        for kind, value in vars(import_module(f"modelward.core.{module.name}")).items()
        if isinstance(value, type)
        and value.__module__ == f"modelward.core.{module.name}"
        and not kind.startswith("_")
    }

    assert {kind for kind in found if f"`{kind}`" not in glossary} == set()
    assert {"Study", "Task", "Release"} <= found


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
