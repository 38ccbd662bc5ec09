"""A frame to draw in: from data to the units of an SVG, ticks, grid and marks.

Drawings carry no colours of their own. They carry classes (styles.py), so that they follow
light, dark and print; and every series has a mark and a dash as well as a colour, so that
they can be told apart without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from modelward.report.markup import Html, element, join, label
from modelward.report.numbers import decimal, signed

Point = tuple[float, float]
"""x and y, in data units unless said otherwise."""

DASHES = (None, "7 4", "1.5 3.5", "9 3 2 3")
"""How the lines of series 0, 1, 2 and 3 are broken."""

LETTER = 7.8
"""Room for a letter of a legend; enough for the larger letters of a narrow screen."""

NICE = (0.5, 1, 2, 5, 10)
"""Steps of ticks, in powers of ten."""

FEWEST_TICKS = 3

WIDE = 400
"""Wider drawings get larger letters on a narrow screen (styles.py)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot area within a drawing.

    Attributes:
        width: Of the drawing, in view box units.
        height: Of the drawing.
        x: Data at the left and the right edge of the plot area.
        y: Data at the lower and the upper edge.
        margins: Room at top, right, bottom and left of the plot area.
    """

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    margins: tuple[float, float, float, float] = (14, 14, 44, 50)

    def at(self, point: Point) -> Point:
        """Return where a data point lies in the drawing; points outside stay at the edge."""
        top, right, bottom, left = self.margins
        across = share(point[0], self.x) * (self.width - left - right)
        up = share(point[1], self.y) * (self.height - top - bottom)
        return left + across, self.height - bottom - up


def share(value: float, span: tuple[float, float]) -> float:
    """Return where `value` lies in `span`, from 0 to 1."""
    return min(max((value - span[0]) / (span[1] - span[0]), 0.0), 1.0)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from `low` to `high` in steps of 1, 2 or 5.

    At most `most` of them, unless that leaves fewer than `FEWEST_TICKS`, which say nothing of
    a scale; then the next finer step is taken.
    """
    raw = (high - low) / (most - 1)
    unit = 10.0 ** floor(log10(raw))
    fits = next(n for n, nice in enumerate(NICE) if n and unit * nice >= raw * (1 - 1e-9))
    found: list[float] = []
    for nice in NICE[fits::-1]:
        step = unit * nice
        first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
        found = [i * step for i in range(first, last + 1)]
        if len(found) >= FEWEST_TICKS:
            break
    return found


def digits_of(values: Sequence[float]) -> int:
    """Return how many decimals tell neighbouring ticks apart."""
    step = values[1] - values[0] if len(values) > 1 else 1.0
    return max(0, -floor(log10(step) + 1e-9))


def x_axis(frame: Frame, values: Sequence[float], title: str, *, sign: bool = False) -> Html:
    """Draw ticks, their numbers and a title under the plot area."""
    bottom = frame.height - frame.margins[2]
    digits = digits_of(values)
    marks = []
    for value in values:
        x, _ = frame.at((value, frame.y[0]))
        words = signed(value, digits) if sign else decimal(value, digits)
        marks += [
            element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"),
            label(x, bottom + 17, words, anchor="middle", kind="tick"),
        ]
    middle = (frame.margins[3] + frame.width - frame.margins[1]) / 2
    line = element(
        "line",
        x1=frame.margins[3],
        x2=frame.width - frame.margins[1],
        y1=bottom,
        y2=bottom,
        class_="axis",
    )
    return join(line, *marks, label(middle, bottom + 36, title, anchor="middle", kind="name"))


def y_axis(frame: Frame, values: Sequence[float], title: str) -> Html:
    """Draw grid lines, their numbers and a turned title left of the plot area."""
    left, right = frame.margins[3], frame.width - frame.margins[1]
    digits = digits_of(values)
    marks = []
    for value in values:
        _, y = frame.at((frame.x[0], value))
        marks += [
            element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"),
            label(left - 7, y + 4, decimal(value, digits), anchor="end", kind="tick"),
        ]
    middle = (frame.margins[0] + frame.height - frame.margins[2]) / 2
    turned = element(
        "text",
        title,
        transform=f"translate(13 {middle:.1f}) rotate(-90)",
        text_anchor="middle",
        class_="name",
    )
    return join(*marks, turned)


def polyline(frame: Frame, points: Sequence[Point], series: int) -> Html:
    """Draw a line through data points, in the colour and dash of a series."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(frame.at, points))
    dash = DASHES[series % len(DASHES)]
    return element("polyline", points=path, class_=f"line s{series}", stroke_dasharray=dash)


def mark(x: float, y: float, series: int) -> Html:
    """Draw the mark of a series at (x, y): disc, open square, triangle, diamond.

    The square is open and larger than the disc, so that both show where curves coincide.
    """
    kind = f"mark s{series}"
    if series == 0:
        return element("circle", cx=x, cy=y, r=3.6, class_=kind)
    shapes = (
        ((-5, -5), (5, -5), (5, 5), (-5, 5)),
        ((0, -4.2), (4, 3), (-4, 3)),
        ((0, -4.6), (4.6, 0), (0, 4.6), (-4.6, 0)),
    )
    corners = shapes[(series - 1) % len(shapes)]
    path = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return element("polygon", points=path, class_=kind)


def legend(x: float, y: float, names: Sequence[str]) -> Html:
    """Draw one line per series from (x, y) downwards, 18 units each."""
    return join(*(sample(x, y + 18 * i, i, name) for i, name in enumerate(names)))


def legend_row(x: float, y: float, names: Sequence[str]) -> Html:
    """Draw the series side by side from (x, y) rightwards."""
    rows = []
    for series, name in enumerate(names):
        rows.append(sample(x, y, series, name))
        x += 58 + LETTER * len(name)
    return join(*rows)


def sample(x: float, y: float, series: int, name: str) -> Html:
    """Draw a short piece of a series' line with its mark, and its name."""
    dash = DASHES[series % len(DASHES)]
    kind = f"line s{series}"
    return join(
        element("line", x1=x, x2=x + 28, y1=y, y2=y, class_=kind, stroke_dasharray=dash),
        mark(x + 14, y, series),
        label(x + 35, y + 4, name, kind="tick"),
    )


def drawing(frame: Frame, title: str, description: str, *parts: Html) -> Html:
    """Return an SVG element that says what it is to those who cannot see it."""
    return element(
        "svg",
        element("title", title),
        element("desc", description),
        *parts,
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        class_="wide" if frame.width > WIDE else None,
        role="img",
        aria_label=f"{title}. {description}",
        style=f"width:{frame.width * 1.2:.0f}px",
    )
