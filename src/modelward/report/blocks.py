"""What a report is made of, before it becomes a page or a text.

story.py writes a report once, as sections of these blocks; page.py sets them in HTML and
text.py in plain text, so both always say the same.
"""

from dataclasses import dataclass

from modelward.report.markup import Html


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table.

    Attributes:
        main: The value, as it is shown.
        small: What stands under it, such as an interval; "" if nothing.
    """

    main: str
    small: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a head; the first column names the row.

    Attributes:
        caption: What the table shows, in a few words.
        head: Column titles.
        rows: As wide as the head.
        words: How many columns, from the left, hold words rather than numbers.
        notes: Sentences under the table.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: int = 1
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing and, always, the table of what it shows.

    Attributes:
        drawings: SVG elements, each of which can stand alone.
        caption: What to see in it.
        table: The numbers behind it.
    """

    drawings: tuple[Html, ...]
    caption: str
    table: Table


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph; `lead` ones are set larger, `alert` ones cannot be overlooked."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Sentences, one below another; each may begin with a term."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Command:
    """Lines a reader can type."""

    lines: tuple[str, ...]


Block = Table | Figure | Words | Listing | Command


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part of the report."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """A whole report.

    Attributes:
        kicker: A line above the title.
        title: The question of the study.
        standfirst: A line below the title.
        sections: In reading order.
    """

    kicker: str
    title: str
    standfirst: str
    sections: tuple[Section, ...]


def cells(*values: str | Cell) -> tuple[Cell, ...]:
    """Return a row; plain strings become cells."""
    return tuple(value if isinstance(value, Cell) else Cell(value) for value in values)
