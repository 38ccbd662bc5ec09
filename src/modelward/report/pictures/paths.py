"""One line per hospital over the rounds, the one that ends worst drawn out of the others.

More than four lines cannot be told apart by dash and mark, so the others are thin and named
at their ends, where there is room.
"""

from collections.abc import Sequence

from modelward.report.markup import Html, element, label
from modelward.report.pictures.axes import Frame, drawing, polyline, ticks, x_axis, y_axis
from modelward.report.pictures.plots import last_of, line_with_marks, shorten, unbroken

Values = Sequence[float | None]

APART = 13.0
"""Least distance between two names, in units of the view box."""

MOST_NAMED = 18


def ends_worst(lines: Sequence[tuple[str, Values]], metric: str) -> str:
    """Return whose line ends worst: highest for a loss, lowest for anything else.

    Args:
        lines: Name and values by round; at least one value in all.
        metric: What was measured.
    """
    known = {name: end for name, values in lines if (end := last_of(values)) == end}
    return (max if metric.endswith("loss") else min)(known, key=lambda name: known[name])


def paths(lines: Sequence[tuple[str, Values]], metric: str) -> Html:
    """Draw a metric over rounds, one line per hospital.

    Args:
        lines: Name and values by round, round 1 first; at least one value in all.
        metric: What was measured.
    """
    rounds = max(2, *(len(values) for _, values in lines))
    known = [value for _, values in lines for value in values if value is not None]
    room = max(max(known) - min(known), 0.01) * 0.08
    low, high = min(known) - room, max(known) + room
    frame = Frame(600, 330, (1, rounds), (low, high), (14, 150, 44, 62))
    whole = [tick for tick in ticks(1, rounds, most=8) if tick == int(tick)]
    parts = [
        y_axis(frame, ticks(low, high), metric),
        x_axis(frame, sorted({1.0, *whole}), "round"),
    ]
    ends = {name: last_of(values) for name, values in lines}
    last = ends_worst(lines, metric)
    for name, values in lines:
        for run in unbroken(values):
            if name == last:
                parts.append(line_with_marks(frame, run, 1))
            else:
                kind = "quiet faint" if len(lines) > MOST_NAMED else "quiet"
                parts.append(element("g", polyline(frame, run, 0), class_=kind))
    parts += _names(frame, ends, last)
    said = "; ".join(f"{name} ends at {value:.3f}" for name, value in ends.items())
    return drawing(frame, f"{metric} by round at each hospital", said, *parts)


def _names(frame: Frame, ends: dict[str, float], last: str) -> list[Html]:
    """Write names at the ends of lines, from the top, never closer than `APART`."""
    right = frame.width - frame.margins[1] + 8
    shown = [name for name in ends if ends[name] == ends[name]]
    if len(shown) > MOST_NAMED:
        shown = [last]
    placed, above = [], 0.0
    for name in sorted(shown, key=lambda each: -ends[each]):
        _, y = frame.at((1, ends[name]))
        above = max(y + 4, above + APART)
        kind = "tick worse" if name == last else "tick"
        placed.append(label(right, above, shorten(name), kind=kind))
    return placed
