"""Bars with intervals: what each site's updates added, and its share by the signed rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelward.report.markup import Html, element, join, label
from modelward.report.pictures.axes import Frame, drawing, ticks, x_axis
from modelward.report.pictures.plots import height_of, shorten


@dataclass(frozen=True, slots=True)
class Bar:
    """One site.

    Attributes:
        name: Of the site.
        value: Length of the bar; below 0 to the left.
        low: Lower end of its interval, or None.
        high: Upper end, or None.
        words: What stands behind it.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    words: str


def bars(rows: Sequence[Bar], axis: str, title: str) -> Html:
    """Draw one bar per site from zero, with its interval.

    Args:
        rows: At least one.
        axis: Title of the axis.
        title: What the picture shows.
    """
    ends = [0.0]
    ends += [e for row in rows for e in (row.low, row.value, row.high) if e is not None]
    room = max(max(ends) - min(ends), 1e-6) * 0.06
    span = (min(ends) - (room if min(ends) < 0 else 0.0), max(ends) + room)
    height = height_of(len(rows))
    frame = Frame(600, height * len(rows) + 66, span, (0, 1), (18, 120, 48, 150))
    zero, _ = frame.at((0, 0))
    bottom = frame.height - frame.margins[2]
    top = frame.margins[0]
    parts = [
        x_axis(frame, ticks(*span, most=5), axis),
        element("line", x1=zero, x2=zero, y1=top - 6, y2=bottom, class_="zero"),
        *(_bar(frame, row, zero, top + height * (n + 0.5)) for n, row in enumerate(rows)),
    ]
    said = "; ".join(f"{row.name}: {row.value:.4f}" for row in rows)
    return drawing(frame, title, said, *parts)


def _bar(frame: Frame, row: Bar, zero: float, y: float) -> Html:
    x, _ = frame.at((row.value, 0))
    right = frame.width - frame.margins[1]
    parts = [
        label(0, y + 4, shorten(row.name), kind="site"),
        element(
            "rect",
            x=min(x, zero),
            y=y - 7,
            width=abs(x - zero),
            height=14,
            class_="bar" if row.value >= 0 else "bar worse",
        ),
        label(right + 14, y + 4, row.words, kind="word"),
    ]
    if row.low is not None and row.high is not None:
        (low, _), (high, _) = frame.at((row.low, 0)), frame.at((row.high, 0))
        parts.append(element("line", x1=low, x2=high, y1=y, y2=y, class_="whisker over"))
    return join(*parts)
