"""Every model in every hospital, as a grid of shades with their numbers in it.

A shade is a share of opacity of one colour, darker for a higher figure, so it prints in grey
and is read without colour. The number stands in every cell; where there are too many columns
for that, a scale says what the shades are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelward.report.many import MANY
from modelward.report.markup import Html, element, label
from modelward.report.numbers import MISSING, decimal
from modelward.report.pictures.axes import Frame, drawing
from modelward.report.pictures.plots import shorten

ROW, LEFT, TOP = 28, 196, 74
WIDEST = 120
LONGEST_ROW = 24
LONGEST_HEAD = 16
LEFT_DENSE, TOP_DENSE = 130, 84
WIDEST_DENSE, NARROWEST = 11.0, 7.0
STEPS = 5
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


@dataclass(frozen=True, slots=True)
class Grid:
    """How large cells are and where they begin; many columns have no room for numbers.

    Attributes:
        width: Of a cell.
        row: Height of a cell.
        left: Where the first column begins.
        top: Where the first row begins.
        dense: Whether cells have shades alone, and names are small and upright.
    """

    width: float
    row: float
    left: float
    top: float
    dense: bool


def grid_for(columns: int) -> Grid:
    """Return the grid for so many columns."""
    if columns <= MANY:
        return Grid(min(WIDEST, (650 - LEFT) / columns), ROW, LEFT, TOP, dense=False)
    width = max(NARROWEST, min(WIDEST_DENSE, (650 - LEFT_DENSE) / columns))
    return Grid(width, WIDEST_DENSE, LEFT_DENSE, TOP_DENSE, dense=True)


def heat_map(rows: Sequence[HeatRow], columns: Sequence[str], title: str) -> Html:
    """Draw a grid.

    Args:
        rows: At least one, each as wide as `columns`.
        columns: Names of the hospitals.
        title: What the shades are.
    """
    known = [value for row in rows for value in row.values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    grid = grid_for(len(columns))
    bottom = grid.top + grid.row * len(rows) + 6
    frame = Frame(
        grid.left + grid.width * len(columns) + 40,
        bottom + (30 if grid.dense else 0),
        (0, 1),
        (0, 1),
        (0,) * 4,
    )
    parts = [
        _turned(grid, grid.left + grid.width * (place + 0.5), name)
        for place, name in enumerate(columns)
    ]
    kind = "small" if grid.dense else "site"
    for number, row in enumerate(rows):
        y = grid.top + grid.row * number
        words = shorten(row.name, LONGEST_ROW)
        parts.append(label(0, y + grid.row * (0.75 if grid.dense else 0.65), words, kind=kind))
        for place, value in enumerate(row.values):
            parts += _cell(grid, grid.left + grid.width * place, y, value, (low, high))
    if grid.dense:
        parts += _scale(grid, bottom, (low, high))
    return drawing(frame, title, _said(rows, grid), *parts)


def _said(rows: Sequence[HeatRow], grid: Grid) -> str:
    """Return the picture in words: every figure or, of many, the ends of every row."""
    if not grid.dense:
        return "; ".join(
            f"{r.name}: " + ", ".join(MISSING if v is None else f"{v:.2f}" for v in r.values)
            for r in rows
        )
    known = {row.name: [v for v in row.values if v is not None] for row in rows}
    return "; ".join(
        f"{name}: {min(values):.2f} to {max(values):.2f}"
        for name, values in known.items()
        if values
    )


def shade_of(value: float, span: tuple[float, float]) -> float:
    """Return the opacity of a value, darker for a higher one."""
    return 0.06 + 0.84 * (value - span[0]) / max(span[1] - span[0], 1e-9)


def _cell(
    grid: Grid, x: float, y: float, value: float | None, span: tuple[float, float]
) -> list[Html]:
    gap = 0.5 if grid.dense else 1.0
    if value is None and grid.dense:
        return []  # no shade at all: the lowest has a light one
    shade = 0.0 if value is None else shade_of(value, span)
    square = element(
        "rect", x=x + gap, y=y + gap, width=grid.width - 2 * gap, height=grid.row - 2 * gap,
        class_="shade", fill_opacity=shade,
    )  # fmt: skip
    if grid.dense:
        return [square]
    kind = "cell light" if shade > DARK else "cell"
    where = (x + grid.width / 2, y + grid.row * 0.65)
    return [square, label(*where, decimal(value, 2), anchor="middle", kind=kind)]


def _scale(grid: Grid, top: float, span: tuple[float, float]) -> list[Html]:
    """Draw five shades with their figures, since cells have none."""
    parts = []
    for step in range(STEPS):
        value = span[0] + (span[1] - span[0]) * step / (STEPS - 1)
        x = grid.left + 62 * step
        parts += [
            element(
                "rect", x=x, y=top + 8, width=14, height=14,
                class_="shade", fill_opacity=shade_of(value, span),
            ),
            label(x + 19, top + 19, decimal(value, 2), kind="tick"),
        ]  # fmt: skip
    return parts


def _turned(grid: Grid, x: float, name: str) -> Html:
    turn, size = (-90, "small") if grid.dense else (-30, "tick")
    x, y = (x + 3, grid.top - 4) if grid.dense else (x, grid.top - 8)
    return element(
        "text",
        shorten(name, LONGEST_HEAD),
        transform=f"translate({x:.1f} {y:.1f}) rotate({turn})",
        text_anchor="start",
        class_=size,
    )
