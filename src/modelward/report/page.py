"""The report as files: one page that needs nothing else, its numbers, and its text.

The page has no scripts and fetches nothing: it can be mailed, archived, printed, and opened
on a machine without a network. Everything that came from elsewhere is escaped (markup.py).
"""

from dataclasses import dataclass
from pathlib import Path

from modelward.durable import make_folder, write_whole
from modelward.evaluate.findings import Findings
from modelward.report.blocks import (
    Block,
    Cell,
    Command,
    Figure,
    Listing,
    Section,
    Story,
    Table,
    Words,
)
from modelward.report.cells import hide_small_cells
from modelward.report.markup import Html, element, join
from modelward.report.singled_out import MIN_CELL
from modelward.report.story import tell
from modelward.report.styles import style_sheet
from modelward.report.text import as_text

LONG_WORD = 40
"""A cell without spaces that is longer than this is a hash, and may be broken anywhere."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Content security policy: whatever slipped in could not load or run."""


@dataclass(frozen=True, slots=True)
class Written:
    """Where the report is.

    Attributes:
        html: The page.
        json: The findings, small cells hidden where the page hides them.
        text: The same in plain text.
    """

    html: Path
    json: Path
    text: Path


def write(
    findings: Findings, folder: Path, *, min_cell: int = MIN_CELL, everywhere: bool = False
) -> Written:
    """Write `report.html`, `report.json` and `report.txt` into `folder`, each whole or not.

    Args:
        findings: What is reported.
        folder: Created if it does not exist.
        min_cell: Smallest count shown, unless one machine had all the data.
        everywhere: Hide smaller ones there too.

    Raises:
        StorageError: If the folder or a file cannot be written.
    """
    shown = hide_small_cells(findings, min_cell, everywhere=everywhere)
    story = tell(shown, min_cell)
    written = Written(folder / "report.html", folder / "report.json", folder / "report.txt")
    make_folder(folder)
    write_whole(written.html, as_page(story).encode())
    write_whole(written.json, shown.to_json().encode())
    write_whole(written.text, as_text(story).encode())
    return written


def as_page(story: Story, numbers: str = "report.json") -> str:
    """Return the whole page.

    Args:
        story: What it says.
        numbers: The file beside it that has the same for programs; "" if there is none.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("title", f"{story.title} · {story.kicker}"),
        element("style", Html(style_sheet())),
    )
    header = element(
        "header",
        element("p", story.kicker, class_="kicker"),
        element("h1", story.title),
        element("p", story.standfirst, class_="standfirst"),
    )
    sections = [
        section_html(number, section) for number, section in enumerate(story.sections, start=1)
    ]
    beside = f" The same numbers are in {numbers}." if numbers else ""
    footer = element("footer", f"Written by modelward.{beside}")
    body = element("body", header, element("main", *sections), footer)
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def section_html(number: int, section: Section) -> Html:
    """Return one numbered section; two pictures in a row stand side by side."""
    title = element("h2", element("span", str(number), class_="number"), section.title)
    blocks = [block_html(block) for block in section.blocks]
    paired = len(blocks) > 1 and all(isinstance(block, Figure) for block in section.blocks)
    body = element("div", *blocks, class_="pair") if paired else join(*blocks)
    return element("section", title, body, id=f"section-{number}")


def block_html(block: Block) -> Html:
    """Return one block."""
    if isinstance(block, Words):
        role = "alert" if block.kind == "alert" else None
        return element("p", block.text, class_=block.kind or None, role=role)
    if isinstance(block, Listing):
        return element("ul", *(item(term, words) for term, words in block.items))
    if isinstance(block, Command):
        return element("pre", element("code", "\n".join(block.lines)))
    if isinstance(block, Figure):
        caption = element("figcaption", block.caption)
        return element("figure", *block.drawings, caption, table_html(block.table))
    return table_html(block)


def item(term: str, words: str) -> Html:
    """Return one sentence of a listing."""
    return element("li", element("b", term), " ", words) if term else element("li", words)


def table_html(table: Table) -> Html:
    """Return a table that scrolls sideways on a narrow screen, and its notes."""
    head = element(
        "tr",
        *(
            element("th", title, scope="col", class_="words" if i < table.words else None)
            for i, title in enumerate(table.head)
        ),
    )
    grid = element(
        "table",
        element("caption", table.caption),
        element("thead", head),
        element("tbody", *(row_html(row, table.words) for row in table.rows)),
    )
    notes = [element("p", note, class_="note") for note in table.notes if note]
    narrow = {"class_": "scroll", "role": "region", "tabindex": "0"}
    return join(element("div", grid, aria_label=table.caption, **narrow), *notes)


def row_html(row: tuple[Cell, ...], words: int) -> Html:
    """Return one row; its first cell names it. A row that begins a group has a rule above."""
    made = [
        element(
            "th" if i == 0 and cell.main else "td",
            cell.main,
            *([element("small", cell.small)] if cell.small else []),
            scope="row" if i == 0 and cell.main else None,
            class_=kind(cell, in_words=i < words),
        )
        for i, cell in enumerate(row)
    ]
    return element("tr", *made, class_="first" if words > 1 and row[0].main else None)


def kind(cell: Cell, *, in_words: bool) -> str | None:
    """Return the class of a cell."""
    if not in_words:
        return None
    is_code = len(cell.main) > LONG_WORD or "/" in cell.main
    return "words long" if is_code and " " not in cell.main else "words"
