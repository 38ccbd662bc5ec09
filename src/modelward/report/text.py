"""The report as plain text: for terminals, for mail, for diff."""

from textwrap import fill, wrap

from modelward.report.blocks import Block, Cell, Command, Figure, Listing, Story, Table, Words

WIDTH = 96
"""Longest line, except for hashes and commands, which are never broken."""


def as_text(story: Story) -> str:
    """Return the whole report, lines of at most `WIDTH` characters."""
    parts = [story.kicker, paragraph(story.title), story.standfirst]
    for number, section in enumerate(story.sections, start=1):
        heading = f"{number}. {section.title}"
        parts.append(f"\n{heading}\n{'-' * len(heading)}")
        parts += [block_text(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def block_text(block: Block) -> str:
    """Return one block."""
    if isinstance(block, Words):
        return paragraph(f"WARNING: {block.text}" if block.kind == "alert" else block.text)
    if isinstance(block, Listing):
        return "\n".join(item(term, words) for term, words in block.items)
    if isinstance(block, Command):
        return "\n".join(f"    {line}" for line in block.lines)
    if isinstance(block, Figure):
        return table_text(block.table)
    return table_text(block)


def paragraph(words: str) -> str:
    """Return words broken into lines."""
    return fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)


def item(term: str, words: str) -> str:
    """Return one sentence of a listing; its further lines are indented."""
    whole = f"{term.rstrip('.')}: {words}" if term else words
    return fill(
        whole, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False
    )


def table_text(table: Table) -> str:
    """Return a table in columns or, where that would be too wide, row by row."""
    rows = [[flat(cell) for cell in row] for row in table.rows]
    widths = [max(len(one) for one in column) for column in zip(table.head, *rows, strict=True)]
    wide = sum(widths) + 2 * (len(widths) - 1) > WIDTH
    body = stacked(table, rows) if wide else aligned(table, rows, widths)
    notes = [paragraph(note) for note in table.notes if note]
    return "\n".join([table.caption, "", *body, *([""] if notes else []), *notes])


def flat(cell: Cell) -> str:
    """Return a cell in one line."""
    if not cell.small or cell.small.startswith("["):
        return f"{cell.main} {cell.small}".strip()
    return f"{cell.main} ({cell.small})"


def aligned(table: Table, rows: list[list[str]], widths: list[int]) -> list[str]:
    """Return head, rule and rows in columns, words to the left and numbers to the right."""

    def line(values: list[str] | tuple[str, ...]) -> str:
        placed = [
            value.ljust(width) if place < table.words else value.rjust(width)
            for place, (value, width) in enumerate(zip(values, widths, strict=True))
        ]
        return "  ".join(placed).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return [line(table.head), rule, *(line(row) for row in rows)]


def stacked(table: Table, rows: list[list[str]]) -> list[str]:
    """Return each row as its name and, below, its values with the titles of their columns.

    A row whose first cell is empty belongs to the one above and is named after it.
    """
    named = table.words if table.words < len(table.head) else 1
    lines: list[str] = []
    group = ""
    for row in rows:
        group = row[0] or group
        lines.append(", ".join([group, *row[1:named]]))
        titles = zip(table.head[named:], row[named:], strict=True)
        values = "; ".join(f"{title} {value}" for title, value in titles if value)
        lines += wrap(
            values,
            WIDTH,
            initial_indent="    ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines
