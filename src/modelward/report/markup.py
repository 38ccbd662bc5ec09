"""HTML and SVG as values, escaped unless they are known to be markup.

Site names, notes and paths come from other institutions and may be hostile. So a plain
string is always escaped on its way into an element, and only `element` makes `Html`.
"""

from html import escape
from typing import Literal


class Html(str):
    """Text that is already markup."""

    __slots__ = ()


Child = str | Html
"""Plain strings are escaped, markup is taken as it is."""

VOID = frozenset({"meta", "br", "hr"})
"""Elements without an end tag."""


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Html:
    """Return one element.

    Args:
        name: Tag name; SVG names keep their capitals.
        children: Content, in order.
        attributes: `class_` and `for_` lose their underscore, other underscores become
            hyphens (`stroke_width`), None leaves the attribute out, numbers lose digits
            beyond the hundredth of a unit.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(attribute(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Return children one after another, plain ones escaped."""
    return Html(
        "".join(child if isinstance(child, Html) else escape(child) for child in children)
    )


def attribute(value: str | float) -> str:
    """Return an attribute's value; 12.0 becomes "12" and 12.3456 becomes "12.35"."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


Anchor = Literal["start", "middle", "end"]
"""Which point of an SVG text its x means."""


def label(x: float, y: float, words: str, *, anchor: Anchor = "start", kind: str = "") -> Html:
    """Return an SVG text.

    Args:
        x: In units of the view box, rightwards.
        y: Baseline, downwards.
        words: What to write; escaped.
        anchor: Which point of the text `x` means.
        kind: CSS class; "" for none.
    """
    return element("text", words, x=x, y=y, text_anchor=anchor, class_=kind or None)
