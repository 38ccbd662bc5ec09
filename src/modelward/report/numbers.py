"""Numbers as a reader wants them: sensible digits, real minus signs, thousands set apart."""

from modelward.evaluate.estimate import Estimate

MISSING = "\N{EN DASH}"
"""What stands where there is no number."""

SMALL = (
    *("none", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)

KILO = 1024
MINUTE = 60.0
TENTHS = 10


def minus(text: str) -> str:
    """Return `text` with real minus signs before the numbers that are negative."""
    return "".join(
        "\N{MINUS SIGN}"
        if mark == "-" and text[i + 1 : i + 2].isdigit() and text[i - 1 : i] in {"", " ", "["}
        else mark
        for i, mark in enumerate(text)
    )


def decimal(value: float | None, digits: int = 3) -> str:
    """Return a number with `digits` decimals; negative zero loses its sign."""
    if value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    return minus(text.removeprefix("-") if float(text) == 0 else text)


def signed(value: float | None, digits: int = 3) -> str:
    """Return a difference with its sign; zero has none."""
    if value is None:
        return MISSING
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else minus(text)


def between(estimate: Estimate, digits: int = 3, *, sign: bool = False) -> str:
    """Return the interval as "[low, high]", or "" if there is none."""
    if estimate.interval is None:
        return ""
    show = signed if sign else decimal
    return f"[{show(estimate.interval.low, digits)}, {show(estimate.interval.high, digits)}]"


def p_value(value: float) -> str:
    """Return a p value; none is shown as zero."""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004 - three digits


def count(value: int | None, fewest: int) -> str:
    """Return a count with thousands set apart; None, a hidden cell, as "<10"."""
    return f"<{fewest}" if value is None else f"{value:,}"


def positives(value: int | None) -> str:
    """Return how many have the outcome; a hidden cell may be few or all but few."""
    return "not shown" if value is None else f"{value:,}"


def nbytes(value: int) -> str:
    """Return bytes in the unit that leaves one to four digits: "11.5 kB" (1 kB = 1,024 B)."""
    size = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if size < KILO:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= KILO
    return f"{size:,.1f} TB"


def duration(seconds: float) -> str:
    """Return a span of time in words: "3.4 seconds", "2 min 05 s", "1 h 20 min"."""
    if seconds < MINUTE:
        return f"{seconds:.1f} seconds" if seconds < TENTHS else f"{seconds:.0f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < MINUTE:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def spelled(number: int) -> str:
    """Return a small number as a word, a larger one in digits; 0 is "none"."""
    return SMALL[number] if number < len(SMALL) else f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless it is one: "4 hospitals"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
