"""Pictures of statistics: a forest of ratios or coefficients, and survival curves.

No picture stands without the table of its numbers (analysis.py).
"""

from collections.abc import Sequence
from math import log

from modelward.evaluate.sums.coefficients import Coefficient
from modelward.evaluate.sums.survival import Curve
from modelward.report.markup import Html, element, join, label
from modelward.report.numbers import decimal
from modelward.report.pictures.axes import (
    Frame,
    Point,
    drawing,
    legend_row,
    polyline,
    ticks,
    x_axis,
    y_axis,
)
from modelward.report.pictures.plots import shorten

ROW = 26

WIDEST = 12.0
"""Natural logarithm beyond which an end of a ratio's interval is drawn at the edge."""

RATIOS = (0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)

YEAR = 365.25


def forest(rows: Sequence[Coefficient], axis: str) -> Html:
    """Draw each coefficient with its interval; ratios on a logarithmic axis, around 1.

    Args:
        rows: At least one, without the intercept.
        axis: Title of the axis.
    """
    ratios = all(row.ratio is not None for row in rows)
    ends = [0.0, *(min(max(v, -WIDEST), WIDEST) for row in rows for v in (row.low, row.high))]
    if ratios:
        inner = sorted(abs(end) for end in ends)
        most = max(inner[int(0.9 * (len(inner) - 1))] * 1.5, 0.4)
        ends = [min(max(end, -most), most) for end in ends]
    room = max(max(ends) - min(ends), 0.1) * 0.06
    span = (min(ends) - room, max(ends) + room)
    frame = Frame(640, ROW * len(rows) + 62, span, (0, 1), (14, 200, 48, 170))
    zero, _ = frame.at((0, 0))
    bottom = frame.height - frame.margins[2]
    parts = [
        element("line", x1=zero, x2=zero, y1=frame.margins[0] - 6, y2=bottom, class_="zero"),
        _ratio_axis(frame, axis) if ratios else x_axis(frame, ticks(*span, most=5), axis),
    ]
    for place, row in enumerate(rows):
        parts.append(_forest_row(frame, row, frame.margins[0] + ROW * (place + 0.5)))
    said = "; ".join(f"{row.name} {_words(row)}" for row in rows)
    return drawing(frame, f"Estimates with 95 % intervals: {axis}", said, *parts)


def _ratio_axis(frame: Frame, title: str) -> Html:
    """Draw an axis of logarithms whose numbers are ratios."""
    bottom = frame.height - frame.margins[2]
    low, high = frame.x
    shown = [ratio for ratio in RATIOS if low <= log(ratio) <= high]
    if len(shown) > 7:  # noqa: PLR2004 - more numbers would touch
        shown = [r for r in shown if r in {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0}]
    marks = []
    for ratio in shown:
        x, _ = frame.at((log(ratio), 0))
        marks += [
            element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis"),
            label(x, bottom + 17, f"{ratio:g}", anchor="middle", kind="tick"),
        ]
    left, right = frame.margins[3], frame.width - frame.margins[1]
    line = element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis")
    name = label((left + right) / 2, bottom + 36, title, anchor="middle", kind="name")
    return join(line, *marks, name)


def _forest_row(frame: Frame, row: Coefficient, y: float) -> Html:
    kind = "same" if row.low <= 0 <= row.high else ("better" if row.estimate < 0 else "worse")
    (x, _), (low, _), (high, _) = (frame.at((v, 0)) for v in (row.estimate, row.low, row.high))
    right = frame.width - frame.margins[1]
    return join(
        label(0, y + 4, shorten(row.name), kind="site"),
        element("line", x1=low, x2=high, y1=y, y2=y, class_=f"whisker {kind}"),
        element("line", x1=low, x2=low, y1=y - 4, y2=y + 4, class_=f"whisker {kind}"),
        element("line", x1=high, x2=high, y1=y - 4, y2=y + 4, class_=f"whisker {kind}"),
        element("rect", x=x - 4, y=y - 4, width=8, height=8, class_=f"estimate {kind}"),
        label(right + 14, y + 4, _words(row), kind="tick"),
    )


def _words(row: Coefficient) -> str:
    middle, low, high = row.ratio or (row.estimate, row.low, row.high)
    digits = 2 if abs(middle) < 100 else 0  # noqa: PLR2004 - no room for more
    shown = [decimal(v, digits) if abs(v) < 1e4 else f"{v:.1e}" for v in (middle, low, high)]  # noqa: PLR2004
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def survival(curves: Sequence[Curve], horizon: float) -> Html:
    """Draw Kaplan-Meier curves with intervals, and the numbers at risk under the axis.

    Args:
        curves: At least one with units; the first four are drawn.
        horizon: Last day of the grid.
    """
    drawn = [curve for curve in curves if curve.units][:4]
    years = horizon > 3 * YEAR
    unit, title = (YEAR, "years") if years else (1.0, "days")
    foot = 58 + 17 * (len(drawn) + 1)
    frame = Frame(640, 330 + foot, (0, horizon / unit), (0, 1), (34, 24, foot, 96))
    parts = [
        y_axis(frame, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], "survival"),
        x_axis(frame, ticks(0, horizon / unit, most=7), title),
    ]
    for series, curve in enumerate(drawn):
        parts += [_band(frame, curve, unit, series), _stairs(frame, curve, unit, series)]
        parts.append(_risk_row(frame, curve, unit, series))
    head = frame.height - frame.margins[2] + 58
    parts.append(label(0, head, "at risk", kind="name"))
    parts.append(legend_row(frame.margins[3], 10, [shorten(curve.name) for curve in drawn]))
    said = "; ".join(f"{c.name} ends at {c.steps[-1].survival:.3f}" for c in drawn)
    return drawing(frame, "Kaplan-Meier curves", said, *parts)


def _path(values: Sequence[Point]) -> list[Point]:
    """Return the corners of a step function that starts at (0, 1)."""
    corners, level = [(0.0, 1.0)], 1.0
    for day, value in values:
        corners += [(day, level), (day, value)]
        level = value
    return corners


def _stairs(frame: Frame, curve: Curve, unit: float, series: int) -> Html:
    steps = [(step.day / unit, step.survival) for step in curve.steps]
    return polyline(frame, _path(steps), series)


def _band(frame: Frame, curve: Curve, unit: float, series: int) -> Html:
    upper = _path([(step.day / unit, step.high) for step in curve.steps])
    lower = _path([(step.day / unit, step.low) for step in curve.steps])
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(frame.at, [*upper, *reversed(lower)]))
    return element("polygon", points=corners, class_=f"band s{series}")


def _risk_row(frame: Frame, curve: Curve, unit: float, series: int) -> Html:
    y = frame.height - frame.margins[2] + 58 + 17 * (series + 1)
    numbers = []
    for day, units in curve.at_risk:
        x, _ = frame.at((day / unit, 0))
        numbers.append(label(x, y, f"{units:,}", anchor="middle", kind="tick"))
    return join(label(0, y, shorten(curve.name)[:13], kind="tick"), *numbers)
