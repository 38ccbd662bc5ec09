"""The decision curve: net benefit by threshold, beside acting on everybody and on nobody."""

from collections.abc import Sequence

from modelward.evaluate.measures.decision import DecisionPoint
from modelward.report.markup import Html, element
from modelward.report.pictures.axes import (
    Frame,
    drawing,
    legend_row,
    polyline,
    ticks,
    x_axis,
    y_axis,
)
from modelward.report.pictures.plots import line_with_marks

EVERYBODY = "everybody"


def decision(curves: Sequence[tuple[str, Sequence[DecisionPoint]]]) -> Html:
    """Draw net benefit; the first model carries its intervals.

    Args:
        curves: Name and points of each model, each with one value at least.
    """
    values = [p.model.value or 0.0 for _, points in curves for p in points]
    everybody = [(p.threshold, p.everybody) for p in curves[0][1]]
    top = max([*values, *(value for _, value in everybody), 0.05]) * 1.1
    low = -top * 0.25
    frame = Frame(600, 330, (0.0, 0.95), (low, top), (34, 14, 44, 62))
    parts = [
        y_axis(frame, ticks(low, top), "net benefit, cases per unit"),
        x_axis(frame, [0.0, 0.2, 0.4, 0.6, 0.8], "threshold"),
    ]
    for point in curves[0][1]:
        spread = point.model.interval
        if spread is None:
            continue
        x, bottom = frame.at((point.threshold, spread.low))
        _, above = frame.at((point.threshold, spread.high))
        parts.append(element("line", x1=x, x2=x, y1=bottom, y2=above, class_="thin s0"))
    for series, (_, points) in enumerate(curves):
        path = [(p.threshold, p.model.value or 0.0) for p in points]
        parts.append(line_with_marks(frame, path, series))
    treated = [(x, max(y, low)) for x, y in everybody]
    seen = [p for n, p in enumerate(treated) if p[1] > low or treated[max(n - 1, 0)][1] > low]
    parts.append(polyline(frame, seen, len(curves)))
    parts.append(element("g", polyline(frame, [(0.0, 0.0), (0.95, 0.0)], 0), class_="chance"))
    parts.append(legend_row(frame.margins[3], 10, [*(name for name, _ in curves), EVERYBODY]))
    return drawing(
        frame,
        "Decision curve",
        "Net benefit by threshold; the dotted line is acting on nobody, the dashed one on"
        " everybody",
        *parts,
    )
