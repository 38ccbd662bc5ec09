"""Decision records: numbered without gaps, short, with the four sections, links that lead."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def test_there_are_records():
    assert len(RECORDS) >= 5


def test_numbers_have_no_gaps_and_no_doubles():
    numbers = [int(path.name[:4]) for path in RECORDS]

    assert numbers[:1] == [1]
    assert all(after == before + 1 for before, after in pairwise(numbers))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_is_one_page_with_four_sections(path):
    text = path.read_text("utf-8")

    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.search(r"^Status: (proposed|accepted|superseded)", text, re.M)
    sections = re.findall(r"^## (.+)$", text, re.M)
    assert sections == ["Question", "Options", "Decision", "What this costs"]
    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize(
    "path",
    [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_links_lead_somewhere(path):
    missing = [
        target
        for target in LINK.findall(path.read_text("utf-8"))
        if not (path.parent / target).exists()
    ]

    assert missing == []


def test_a_path_that_source_files_name_is_there():
    named = {
        (match, source.name)
        for source in (ROOT / "src").rglob("*.py")
        for match in re.findall(r"docs/[a-z0-9_/-]+\.md", source.read_text("utf-8"))
    }

    assert sorted(pair for pair in named if not (ROOT / pair[0]).exists()) == []
