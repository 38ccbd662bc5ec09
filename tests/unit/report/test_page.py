"""The page needs nothing else, hides nothing, and cannot be hijacked by a name."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from typing_extensions import override

from modelward.errors import StorageError
from modelward.evaluate.facts.record import SiteFacts
from modelward.evaluate.findings import Findings
from modelward.report.markup import VOID
from modelward.report.page import as_page, write
from modelward.report.story import tell
from tests.four_hospitals import findings

FOUND = findings(draws=20)
PAGE = as_page(tell(FOUND))
ATTACK = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>&amp;"

FORBIDDEN = ("zero risk", "fully compliant", "anonymous", "data never leave")
"""Words that promise what nobody measured (DESIGN, words about safety)."""


class Outline(HTMLParser):
    """Open and closed elements in order; fails on anything left open or closed twice."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.seen.append(f"/{tag}")


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def hostile() -> Findings:
    """Return findings in which everything that can be named is named by an attacker."""

    def rename(site: SiteFacts) -> SiteFacts:
        ledger = (
            replace(site.ledger, path=ATTACK, key=ATTACK, root=ATTACK) if site.ledger else None
        )
        return replace(site, title=ATTACK, ledger=ledger)

    record = FOUND.record
    return replace(
        FOUND,
        record=replace(
            record,
            sites=tuple(rename(site) for site in record.sites),
            study=replace(record.study, purpose=ATTACK, id=ATTACK, recipe=ATTACK),
            run=replace(record.run, versions={ATTACK: ATTACK}, ended=ATTACK, scaling=ATTACK),
            labels={"fedavg": ATTACK},
            published=tuple(
                replace(one, name=ATTACK, source=ATTACK) for one in record.published
            ),
            notes=(ATTACK,),
            privacy=ATTACK,
            data_source=ATTACK,
        ),
        verdicts=tuple(replace(one, sentence=ATTACK, reason=ATTACK) for one in FOUND.verdicts),
    )


def test_the_page_is_well_formed():
    assert outline(PAGE).seen[:2] == ["html", "head"]
    assert PAGE.startswith("<!doctype html>")


def test_nothing_is_fetched_and_nothing_runs():
    parsed = outline(PAGE)

    assert "://" not in PAGE
    assert "url(" not in PAGE
    assert "@import" not in PAGE
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(parsed.seen)
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name == "src"]


def test_hostile_names_stay_text():
    parsed = outline(as_page(tell(hostile())))

    assert {"script", "img"}.isdisjoint(parsed.seen)
    assert "onerror" not in [name for name, _ in parsed.attributes]


def test_every_plot_is_followed_by_its_table():
    seen = outline(PAGE).seen

    figures = " ".join(seen).split("figure")[1::2]
    assert len([figure for figure in figures if " svg" in figure]) == 5
    for figure in figures:
        assert figure.index("/svg") < figure.index("table")


def test_every_drawing_says_what_it_is():
    assert PAGE.count("<svg") == PAGE.count("<desc>") == PAGE.count('role="img"') == 6


def test_every_table_has_a_caption_and_named_columns():
    tables = PAGE.split("<table>")[1:]

    assert len(tables) == 14
    for table in tables:
        assert table.startswith("<caption>")
        assert 'scope="col"' in table.split("</thead>")[0]


@pytest.mark.parametrize("real", [True, False])
def test_no_word_promises_what_nobody_measured(real, tmp_path):
    written = write(findings(draws=20, in_one_process=not real), tmp_path)

    for path in (written.html, written.text, written.json):
        text = path.read_text().lower()
        assert not [words for words in FORBIDDEN if words in text]


def test_three_files_are_written_and_nothing_else(tmp_path):
    written = write(FOUND, tmp_path / "new" / "folder")

    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["report.html", "report.json", "report.txt"]
    assert Findings.from_json(written.json.read_bytes()) == FOUND
    assert written.html.read_text() == PAGE


def test_the_same_findings_give_the_same_bytes(tmp_path):
    one, two = write(FOUND, tmp_path / "one"), write(FOUND, tmp_path / "two")

    for first, second in ((one.html, two.html), (one.json, two.json), (one.text, two.text)):
        assert first.read_bytes() == second.read_bytes()


def test_a_real_run_hides_small_cells_in_every_file(tmp_path):
    written = write(findings(draws=20, in_one_process=False), tmp_path, min_cell=100)

    assert "&lt;100" in written.html.read_text()
    assert "<100" in written.text.read_text()
    for path in (written.html, written.text, written.json):
        assert not re.search(r"\b(89|45) test patients", path.read_text())


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError):
        write(FOUND, tmp_path / "file")


def test_numbers_on_the_page_are_those_of_the_findings():
    auc = FOUND.federated.overall.auc.value
    assert auc is not None

    assert f">{auc:.3f}<small>" in PAGE


def test_every_section_is_numbered_in_order():
    numbers = re.findall(r'<h2><span class="number">(\d+)</span>', PAGE)

    assert numbers == [str(number) for number in range(1, 11)]
