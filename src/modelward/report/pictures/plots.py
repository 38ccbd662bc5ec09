"""The four pictures of a report: verdicts, learning, ROC and reliability.

Each is a function from numbers to one SVG drawing; how axes, marks and lines look is
axes.py's business. No picture stands without the table of its numbers (story.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modelward.evaluate.measures.curves import ReliabilityPoint, RocPoint
from modelward.report.many import MANY
from modelward.report.markup import Html, element, join, label
from modelward.report.pictures.axes import (
    Frame,
    Point,
    drawing,
    legend,
    legend_row,
    mark,
    polyline,
    ticks,
    x_axis,
    y_axis,
)

ROW, CLOSE_ROW = 30, 19
LONGEST_NAME = 21
END = 4
"""Last letters of a name that stay when it is shortened."""
SQUARE = (340, 340)

SIGNS = {
    "federated better": "▲",
    "no difference shown": "○",
    "no worse than local": "◇",
    "cannot tell": "?",
    "keep your local model": "▼",
    "": "",
}
"""A verdict as a sign, so that it does not hang on colour."""

KINDS = {
    "federated better": "better",
    "no difference shown": "same",
    "no worse than local": "same",
    "cannot tell": "same",
    "": "same",
}
"""A verdict as a class of styles.py; anything else is "worse"."""


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One site of a forest plot.

    Attributes:
        name: Of the site.
        word: Its verdict; "" where there is none.
        middle: Advantage of the federated model; positive is better.
        low: Lower end of its interval, or None.
        high: Upper end, or None.
    """

    name: str
    word: str
    middle: float
    low: float | None
    high: float | None


def forest(
    rows: Sequence[ForestRow],
    axis: str,
    zero: float = 0.0,
    title: str = "",
    margin: float | None = None,
) -> Html:
    """Draw each site's advantage with its interval, and a line where there is none.

    Args:
        rows: At least one.
        axis: Title of the axis.
        zero: Where the line is; differences have their sign written where it is 0.
        title: Of the drawing, where it is not one of verdicts.
        margin: Loss that was signed as acceptable; a second line stands that far left.
    """
    known = [end for row in rows for end in (row.low, row.middle, row.high)]
    lines = [(zero, "zero")] + ([] if margin is None else [(zero - margin, "margin")])
    ends = [at for at, _ in lines] + [end for end in known if end is not None]
    room = max(max(ends) - min(ends), 0.02) * 0.06
    span = (min(ends) - room, max(ends) + room)
    row_height = height_of(len(rows))
    frame = Frame(600, row_height * len(rows) + 66, span, (0, 1), (18, 170, 48, 150))
    top, bottom = frame.margins[0] - 6, frame.height - frame.margins[2]
    places = [(frame.at((at, 0))[0], kind) for at, kind in lines]
    parts = [
        *(element("line", x1=x, x2=x, y1=top, y2=bottom, class_=kind) for x, kind in places),
        x_axis(frame, ticks(*span, most=5), axis, sign=zero == 0),
    ]
    for place, row in enumerate(rows):
        parts.append(forest_row(frame, row, frame.margins[0] + row_height * (place + 0.5)))
    described = "; ".join(f"{row.name}: {row.word or round(row.middle, 3)}" for row in rows)
    named = title or (axis if zero else f"Verdict per hospital, by {axis}")
    return drawing(frame, named, described, *parts)


def height_of(rows: int) -> int:
    """Return the height of a row of a picture with so many."""
    return ROW if rows <= MANY else CLOSE_ROW


def forest_row(frame: Frame, row: ForestRow, y: float) -> Html:
    """Draw one site: name, interval, estimate, verdict."""
    kind = KINDS.get(row.word, "worse")
    x, _ = frame.at((row.middle, 0))
    right = frame.width - frame.margins[1]
    parts = [label(0, y + 4, shorten(row.name), kind="site")]
    if row.low is not None and row.high is not None:
        low, _ = frame.at((row.low, 0))
        high, _ = frame.at((row.high, 0))
        parts += [
            element("line", x1=low, x2=high, y1=y, y2=y, class_=f"whisker {kind}"),
            element("line", x1=low, x2=low, y1=y - 4, y2=y + 4, class_=f"whisker {kind}"),
            element("line", x1=high, x2=high, y1=y - 4, y2=y + 4, class_=f"whisker {kind}"),
        ]
    parts += [
        element("rect", x=x - 4.5, y=y - 4.5, width=9, height=9, class_=f"estimate {kind}"),
        label(right + 14, y + 4, SIGNS[row.word], kind=f"sign {kind}"),
        label(right + 30, y + 4, row.word, kind=f"word {kind}"),
    ]
    return join(*parts)


def shorten(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name that fits beside a plot; its end, where names often differ, is kept."""
    if len(name) <= longest:
        return name
    tail = name[-END:].lstrip()
    return f"{name[: longest - 1 - len(tail)].rstrip()}…{tail}"


def learning(curves: Sequence[tuple[str, Sequence[float | None]]], metric: str) -> Html:
    """Draw a validation metric over rounds, one line per model.

    Args:
        curves: Name and values by round, round 1 first; at least one value in all.
        metric: What was measured.
    """
    rounds = max(len(values) for _, values in curves)
    known = [value for _, values in curves for value in values if value is not None]
    room = max(max(known) - min(known), 0.01) * 0.08
    low, high = min(known) - room, max(known) + room
    frame = Frame(600, 330, (1, max(rounds, 2)), (low, high), (34, 14, 44, 62))
    whole = [tick for tick in ticks(1, max(rounds, 2), most=8) if tick == int(tick)]
    parts = [
        y_axis(frame, ticks(low, high), metric),
        x_axis(frame, sorted({1.0, *whole}), "round"),
    ]
    for series, (_, values) in enumerate(curves):
        parts += [line_with_marks(frame, run, series) for run in unbroken(values)]
    parts.append(legend_row(frame.margins[3], 10, [name for name, _ in curves]))
    said = "; ".join(f"{name} ends at {last_of(values):.3f}" for name, values in curves)
    return drawing(frame, f"{metric} by round", said, *parts)


def unbroken(values: Sequence[float | None]) -> list[list[Point]]:
    """Return stretches of (round, value) without a gap; rounds count from 1."""
    runs: list[list[Point]] = [[]]
    for number, value in enumerate(values, start=1):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((number, value))
    return [run for run in runs if run]


def last_of(values: Sequence[float | None]) -> float:
    """Return the last value that was measured; NaN if none was."""
    return next((value for value in reversed(values) if value is not None), float("nan"))


def line_with_marks(frame: Frame, points: Sequence[Point], series: int) -> Html:
    """Draw a line with a mark at each point, or at about twelve of many."""
    every = max(1, len(points) // 12)
    marked = [*points[:-1][::every], points[-1]]
    return join(
        polyline(frame, points, series),
        *(mark(*frame.at(point), series) for point in marked),
    )


def roc(curves: Sequence[tuple[str, Sequence[RocPoint]]]) -> Html:
    """Draw ROC curves over the diagonal of a model that knows nothing."""
    frame = Frame(*SQUARE, (0, 1), (0, 1))
    tenths = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    parts = [
        y_axis(frame, tenths, "sensitivity"),
        x_axis(frame, tenths, "1 − specificity (false alarms)"),  # noqa: RUF001 - a minus sign
        element("g", polyline(frame, [(0, 0), (1, 1)], 0), class_="chance"),
    ]
    for series, (_, points) in enumerate(curves):
        path = [(0.0, 0.0)] + [(point.false_alarms, point.sensitivity) for point in points]
        parts.append(line_with_marks(frame, path, series))
    parts.append(corner_legend(frame, [name for name, _ in curves]))
    return drawing(
        frame,
        "ROC curves",
        "Sensitivity against false alarms; the dotted diagonal is a model that knows nothing",
        *parts,
    )


def reliability(curves: Sequence[tuple[str, Sequence[ReliabilityPoint]]]) -> Html:
    """Draw observed shares against predicted ones, with the interval of the first model."""
    frame = Frame(*SQUARE, (0, 1), (0, 1))
    tenths = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    parts = [
        y_axis(frame, tenths, "observed share"),
        x_axis(frame, tenths, "predicted probability"),
        element("g", polyline(frame, [(0, 0), (1, 1)], 0), class_="chance"),
    ]
    for point in curves[0][1]:
        x, low = frame.at((point.predicted, point.interval.low))
        _, high = frame.at((point.predicted, point.interval.high))
        parts.append(element("line", x1=x, x2=x, y1=low, y2=high, class_="thin s0"))
    for series, (_, points) in enumerate(curves):
        path = [(point.predicted, point.observed) for point in points]
        parts.append(line_with_marks(frame, path, series))
    parts.append(corner_legend(frame, [name for name, _ in curves]))
    return drawing(
        frame,
        "Reliability",
        "Observed share against predicted probability; on the dotted diagonal they agree",
        *parts,
    )


def corner_legend(frame: Frame, names: Sequence[str]) -> Html:
    """Draw the legend in the lower right corner, where these curves do not go."""
    bottom = frame.height - frame.margins[2]
    return legend(frame.width - 135, bottom - 18 * len(names), names)
