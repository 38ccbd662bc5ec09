"""Words about safety say what is measured, in every page and every source file.

The list is DESIGN's, section 1: no claim that nobody can check. Say instead what is done
and what can still leak: "raw records are not sent by the protocol; updates can leak".
"""

import re
from pathlib import Path

import pytest

from modelward.report.page import write
from tests.four_hospitals import findings

ROOT = Path(__file__).parents[2]

CLAIMS = re.compile(
    r"zero[\s-]+risk|no[\s-]risk\b|risk[\s-]free"
    r"|fully[\s-]+compliant|(?:gdpr|hipaa)[\s-]compliant"
    r"|\banonym(?:ous|ously|ised|ized|ity)\b"
    r"|\bdata\s+(?:never|do(?:es)?\s+not|don't|cannot)\s+leaves?\b"
    r"|(?:completely|perfectly|100\s*%)\s+(?:safe|secure|private)"
    r"|unhackable|military[\s-]grade",
    re.IGNORECASE,
)

WRITTEN = sorted(
    path
    for folder in ("docs", "src", "examples", "bench")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".md", ".toml", ".html", ".jinja", ".css", ".txt"}
    and not {"decisions", "out", ".envs"} & set(path.parts)
)
PAGES = [*(p for p in ROOT.glob("*.md")), *WRITTEN]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_claims_what_nobody_can_check(path):
    said = [match.group() for match in CLAIMS.finditer(path.read_text("utf-8"))]

    assert said == []


def test_no_report_claims_what_nobody_can_check(tmp_path):
    written = write(findings(), tmp_path)

    for path in (written.html, written.json, written.text):
        assert CLAIMS.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "There is zero risk.",
        "The data never leave the hospital.",
        "Your data does not\nleave the site",
        "Fully compliant with everything",
        "Only anonymous statistics",
        "a GDPR-compliant platform",
        "100 % secure",
    ],
)
def test_the_list_finds_what_it_is_for(sentence):
    assert CLAIMS.search(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Raw records are not sent by the protocol.",
        "dataset.toml never leaves the site",
        "Updates can leak information.",
        "compliance evidence",
    ],
)
def test_the_list_leaves_true_sentences_alone(sentence):
    assert not CLAIMS.search(sentence)
