"""The state of the network at one institution, as one HTML page: who, what, why.

No scripts, nothing fetched, everything that others wrote escaped (report/markup.py). The
picture of the knowledge map stands beside its table: no meaning hangs on colour alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelward.durable import write_whole
from modelward.exchange.documents.knowledge import Map
from modelward.exchange.institution.governing import Given, Seen
from modelward.exchange.institution.home import InUse
from modelward.exchange.methods.choose import Choice
from modelward.exchange.methods.trust import Standing
from modelward.report.markup import Html, element, join, label
from modelward.report.page import POLICY
from modelward.report.styles import style_sheet

CELL, GLYPH = 26.0, 7.2
"""Of the picture, in units of its view box: a cell, and a letter of a wide word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the page shows.

    Attributes:
        name: The institution.
        used: What is in use; None for the local model that nobody decided about.
        chosen: What was chosen now.
        hangs: Institution -> share of own validation answers that hang on its voice.
        student: What became of the last strong student; "" if there was none.
        standings: Card -> (maker, standing).
        apart: Reporter -> how far it is from all others.
        unwatched: Card -> why a trigger in it would not be found here.
        seen: What was refused or turned away.
        known: The knowledge map.
        given: What of ours is where.
    """

    name: str
    used: InUse | None
    chosen: Choice
    hangs: Mapping[str, float]
    student: str
    standings: Mapping[str, tuple[str, Standing]]
    apart: Mapping[str, float]
    unwatched: Mapping[str, str]
    seen: Sequence[Seen]
    known: Map
    given: Sequence[Given]


def write(path: Path, page: Page) -> None:
    """Write the page, whole or not at all."""
    student = (element("p", f"Weak to strong, {page.student}"),) if page.student else ()
    computed = f"Computed now, for {page.chosen.population}: {page.chosen.reason}"
    said = (_in_use(page.used), computed, _hanging(page))
    sections = [
        _section(1, "In use", *(element("p", each) for each in said), *student),
        _section(
            2,
            "Who is used, and why",
            _standings(page),
            _apart(page.apart),
            _unwatched(page),
        ),
        _section(
            3,
            "What the network knows",
            _holes(page.known),
            picture(page.known),
            _help(page.known, page.name),
        ),
        _section(4, "What was refused or turned away here", _seen(page.seen)),
        _section(5, "What was given to whom", _given(page.given)),
    ]
    title = f"The data-model network, seen from {page.name}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("title", title),
        element("style", Html(style_sheet())),
    )
    header = element("header", element("p", page.name, class_="kicker"), element("h1", title))
    body = element("body", header, element("main", *sections))
    write_whole(path, f"<!doctype html>\n{element('html', head, body, lang='en')}\n".encode())


def picture(known: Map) -> Html:
    """Return who knows what as a grid: one row an item, one column an institution.

    The margins hold the longest name, whatever it is; a row that nobody knows says so.
    """
    longest = GLYPH * max(map(len, known.institutions), default=0)
    left = GLYPH * max((len(": ".join(item)) for item in known.wanted), default=0) + 16
    top = longest * 0.87 + 24  # names are turned by 60 degrees: sine and cosine
    right = left + CELL * len(known.institutions)
    rows: list[Html] = []
    for column, who in enumerate(known.institutions):
        x = left + (column + 0.6) * CELL
        turned = element(
            "text",
            who,
            transform=f"rotate(-60 {x:.1f} {top - 8:.1f})",
            x=x,
            y=top - 8,
            class_="tick",
        )
        rows.append(turned)
    for row, item in enumerate(known.wanted):
        y = top + row * CELL
        rows.append(label(left - 8, y + 17, ": ".join(item), anchor="end", kind="tick"))
        rows += [
            _cell(left + column * CELL, y, known.known.get(item, {}).get(who))
            for column, who in enumerate(known.institutions)
        ]
        if item in known.holes:
            rows.append(label(right + 6, y + 17, "nobody", anchor="start", kind="tick"))
    width = right + max(longest * 0.5, 9 * GLYPH) + 10
    height = top + CELL * len(known.wanted) + 10
    drawn = element(
        "svg", *rows, viewBox=f"0 0 {width:.0f} {height:.0f}", width=f"{width:.0f}", role="img"
    )
    words = (
        "Numbers are lower edges of bands of training units; an empty cell is fewer than ten."
    )
    return element("figure", element("figcaption", words), drawn)


def _cell(x: float, y: float, units: int | None) -> Html:
    fill = "var(--wash)" if units is None else "var(--s0)"
    box = element(
        "rect", x=x, y=y, width=CELL - 2, height=CELL - 2, fill=fill,
        fill_opacity=1.0 if units is None else 0.35,
    )  # fmt: skip
    if units is None:
        return box
    said = _short(units)
    return join(box, label(x + CELL / 2 - 1, y + 16, said, anchor="middle", kind="tick"))


def _short(units: int) -> str:
    """Return the edge of a band in at most four letters.

    >>> _short(500), _short(2_000), _short(1_000_000)
    ('500', '2k', '1M')
    """
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if units >= size:
            return f"{units // size}{letter}"
    return str(units)


def _in_use(used: InUse | None) -> str:
    if used is None:
        return "The local model: nobody has decided anything else."
    return f"{used.candidate}, decided by {used.by} at {used.time}: {used.reason}"


def _hanging(page: Page) -> str:
    """Return on whose voices answers of the best combination hang."""
    said = [f"{name} {share:.0%}" for name, share in page.hangs.items()]
    if not said:
        return "No own validation answer of it hangs on one institution's voice."
    return (
        f"Own validation answers of {page.chosen.best} that would be others without the voice"
        f" of one institution: {', '.join(said)}."
    )


def _standings(page: Page) -> Html:
    rows = [
        (who, card[:12], "used" if each.used else "not used", str(each.reporters), each.reason)
        for card, (who, each) in page.standings.items()
    ]
    return _table(
        ("institution", "card", "gate", "reporters", "why"), rows, "Nothing was pulled yet."
    )


def _apart(apart: Mapping[str, float]) -> Html:
    said = [f"{who}, by {distance:.2f} in the middle" for who, distance in apart.items()]
    others = "; ".join(said) or "nobody"
    return element("p", f"Reporters that disagree with all others, in skill: {others}.")


def _unwatched(page: Page) -> Html:
    """Return where the look for triggers has no power, which must not pass for a clean bill."""
    rows = [
        (page.standings[card][0], card[:12], why)
        for card, why in page.unwatched.items()
        if card in page.standings
    ]
    said = element(
        "p",
        "A patch that turns one artifact's answers is looked for by comparing it with others of"
        " its family. In these it would not be found; each is one voice of a combination:",
    )
    table = _table(("institution", "card", "why"), rows, "")
    return join(said, table) if rows else element("p", "Triggers were looked for in all.")


def _seen(seen: Sequence[Seen]) -> Html:
    rows = [(each.time[:16], each.about, each.who, each.says) for each in seen]
    return _table(("first", "about", "institution", "what"), rows, "Nothing.")


def _holes(known: Map) -> Html:
    def said(items: Sequence[tuple[str, str]]) -> str:
        return "; ".join(": ".join(item) for item in items) or "nothing"

    return element(
        "p",
        f"Nobody knows: {said(known.holes)}. One institution alone knows: {said(known.thin)}.",
    )


def _help(known: Map, name: str) -> Html:
    rows = [
        (": ".join(item), ", ".join(who) or "nobody") for item, who in known.lacks(name).items()
    ]
    return _table(("missing here", "who could help"), rows, f"{name} lacks nothing of this.")


def _given(given: Sequence[Given]) -> Html:
    rows = [
        (
            each.to,
            each.kind,
            f"{each.series} {each.version}",
            each.time,
            each.revoked or "valid",
        )
        for each in given
    ]
    return _table(
        ("institution", "what", "version", "acknowledged", "state"),
        rows,
        "Nothing was acknowledged by anybody.",
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> Html:
    if not rows:
        return element("p", nothing)
    head = element("tr", *(element("th", each, class_="words") for each in headings))
    body = [
        element("tr", *(element("td", each, class_="words") for each in row)) for row in rows
    ]
    made = element("table", element("thead", head), element("tbody", *body))
    return element("div", made, class_="scroll")


def _section(number: int, title: str, *content: Html) -> Html:
    heading = element("h2", element("span", str(number), class_="number"), title)
    return element("section", heading, *content)
