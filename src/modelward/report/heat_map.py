"""Every model in every hospital, as a grid of shades with their numbers in it.

A shade is a share of opacity of one colour, darker for a higher figure, so it prints in grey
and is read without colour; the number stands in every cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelward.report.axes import Frame, drawing
from modelward.report.markup import Html, element, label
from modelward.report.numbers import MISSING, decimal
from modelward.report.plots import shorten

ROW, LEFT, TOP = 28, 196, 74
WIDEST = 120
LONGEST_ROW = 24
LONGEST_HEAD = 16
DARK = 0.62
"""Opacity from which on letters on a cell are light."""


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One model.

    Attributes:
        name: Of the model.
        values: One per column; None where there is none.
    """

    name: str
    values: tuple[float | None, ...]


def heat_map(rows: Sequence[HeatRow], columns: Sequence[str], title: str) -> Html:
    """Draw a grid.

    Args:
        rows: At least one, each as wide as `columns`.
        columns: Names of the hospitals.
        title: What the shades are.
    """
    known = [value for row in rows for value in row.values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    width = min(WIDEST, (650 - LEFT) / len(columns))
    frame = Frame(
        LEFT + width * len(columns) + 40, TOP + ROW * len(rows) + 6, (0, 1), (0, 1), (0,) * 4
    )
    parts = []
    for place, name in enumerate(columns):
        x, y = LEFT + width * (place + 0.5), TOP - 8
        parts.append(_turned(x, y, name))
    for number, row in enumerate(rows):
        y = TOP + ROW * number
        parts.append(label(0, y + ROW * 0.65, shorten(row.name, LONGEST_ROW), kind="site"))
        for place, value in enumerate(row.values):
            parts += _cell(LEFT + width * place, y, width, value, (low, high))
    said = "; ".join(
        f"{row.name}: " + ", ".join(MISSING if v is None else f"{v:.2f}" for v in row.values)
        for row in rows
    )
    return drawing(frame, title, said, *parts)


def _cell(
    x: float, y: float, width: float, value: float | None, span: tuple[float, float]
) -> list[Html]:
    shade = 0.0
    if value is not None:
        shade = 0.06 + 0.84 * (value - span[0]) / max(span[1] - span[0], 1e-9)
    kind = "cell light" if shade > DARK else "cell"
    return [
        element(
            "rect", x=x + 1, y=y + 1, width=width - 2, height=ROW - 2,
            class_="shade", fill_opacity=shade,
        ),
        label(x + width / 2, y + ROW * 0.65, decimal(value, 2), anchor="middle", kind=kind),
    ]  # fmt: skip


def _turned(x: float, y: float, name: str) -> Html:
    short = name if len(name) <= LONGEST_HEAD else name[: LONGEST_HEAD - 1].rstrip() + "…"
    return element(
        "text",
        short,
        transform=f"translate({x:.1f} {y:.1f}) rotate(-30)",
        text_anchor="start",
        class_="tick",
    )
