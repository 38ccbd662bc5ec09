"""From text to values: numbers, booleans, levels, outcomes and folds.

Each function takes one column as text (None where missing), returns floats (NaN where
missing) and adds to `faults` what it could not read, with a count, the first line, and the
text found there. Lines count the heading as line 1.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column
from modelward.core.faults import Fault
from modelward.core.targets import CategoryTarget, MaskTarget, NumberTarget, Outcome, Target
from modelward.errors import DataError
from modelward.readers.cohort import FOLDS
from modelward.readers.tables.grouped import hint

Text = NDArray[np.object_]

TRUE = frozenset({"1", "1.0", "true", "t", "yes", "y"})
FALSE = frozenset({"0", "0.0", "false", "f", "no", "n"})


@dataclass(frozen=True, slots=True)
class Written:
    """How a site writes numbers: study value = factor * value + offset.

    Attributes:
        decimal: Decimal mark.
        factor: From the site's unit to the study's.
        offset: For temperatures.
    """

    decimal: str = "."
    factor: float = 1.0
    offset: float = 0.0

    def read(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `found` in the study's unit; the same bits where the units are the same."""
        if (self.factor, self.offset) == (1.0, 0.0):
            return found
        return found * self.factor + self.offset


OFTEN, LISTED = 10, 8
"""Rows that must have a text for it to be told beside the first one; and how many are told."""

AS_IS = Written()
"""Numbers with a point, in the study's unit."""


def number(
    text: Text, name: str, faults: list[Fault], *, decimal: str = "."
) -> NDArray[np.float64]:
    """Return the numbers in `text`, whose decimal mark is `decimal`.

    NaN and infinity written as such are faults: whoever wrote them knew something that
    "missing" does not say.
    """
    read, bad = _convert(text, _decimal if decimal == "." else _with_comma)
    _report(
        text,
        bad,
        name,
        "is not a number",
        faults,
        hint=lambda first: hint(first, decimal) or _number_hint(first),
    )
    odd = np.array([entry is not None for entry in text], bool) & ~bad & ~np.isfinite(read)
    _report(text, odd, name, "is not a finite number", faults, hint=_finite_hint)
    return read


def boolean(text: Text, name: str, faults: list[Fault]) -> NDArray[np.float64]:
    """Return 1 and 0 for yes and no."""
    read, bad = _convert(text, _yes_no)
    _report(text, bad, name, "is neither yes nor no", faults, hint=_also(text, bad))
    return read


def level(
    text: Text, column: Column, levels: Sequence[str], faults: list[Fault]
) -> NDArray[np.float64]:
    """Return 1 where the text is the column's level, 0 where it is another one."""
    known = set(levels)

    def indicate(entry: str) -> float:
        found = entry if entry in known else _whole(entry)
        if found not in known:
            raise ValueError(entry)
        return float(found == column.level)

    read, bad = _convert(text, indicate)
    says = f"is not one of {', '.join(levels)}"
    _report(text, bad, column.feature, says, faults, hint=_also(text, bad))
    return read


def level_number(
    text: Text, name: str, levels: Sequence[str], faults: list[Fault]
) -> NDArray[np.float64]:
    """Return the number of each text's level, counted from 0."""
    numbers = {level: number for number, level in enumerate(levels)}

    def place(entry: str) -> float:
        return float(numbers[entry if entry in numbers else _whole(entry)])

    read, bad = _convert(text, place)
    _report(
        text, bad, name, f"is not one of {', '.join(levels)}", faults, hint=_also(text, bad)
    )
    return read


def graded(numbers: NDArray[np.float64], target: CategoryTarget) -> NDArray[np.float64]:
    """Return 1 where a level counts as a yes and 0 where not; NaN where none is known."""
    yes = np.isin(numbers, target.counts_as_yes).astype(np.float64)
    return np.where(np.isnan(numbers), np.nan, yes)


def outcome(
    text: Text, target: Outcome, name: str, faults: list[Fault], written: Written = AS_IS
) -> NDArray[np.float64]:
    """Return 1 and 0 for an outcome that is present or absent; 0 for one that is measured.

    Raises:
        DataError: If no recipe trains such an outcome.
    """
    if isinstance(target, NumberTarget):
        found = measured(text, target, name, faults, written)
        return np.where(np.isnan(found), np.nan, 0.0)
    if isinstance(target, CategoryTarget):
        return graded(level_number(text, name, target.levels, faults), target)
    if isinstance(target, MaskTarget):
        raise unlearnt(name, target)
    if not isinstance(target, Target) or target.above is None:
        return boolean(text, name, faults)
    found = written.read(number(text, name, faults, decimal=written.decimal))
    return np.where(np.isnan(found), np.nan, (found > target.above).astype(np.float64))


def measured(
    text: Text, target: NumberTarget, name: str, faults: list[Fault], written: Written = AS_IS
) -> NDArray[np.float64]:
    """Return the values of a measured outcome in its unit; NaN outside its range."""
    found = written.read(number(text, name, faults, decimal=written.decimal))
    low, high = target.range
    return np.where((found >= low) & (found <= high), found, np.nan)


def followed(
    event: NDArray[np.float64], days: NDArray[np.float64], horizon: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return event and days with follow-up ended at the horizon; NaN where one is not known.

    Args:
        event: 1 where follow-up ended with the event, 0 where not, [n].
        days: How long each unit was followed, [n].
        horizon: Days after which nobody is followed.
    """
    known = ~(np.isnan(event) | np.isnan(days))
    seen = np.where(days > horizon, 0.0, event)
    return np.where(known, seen, np.nan), np.where(known, np.minimum(days, horizon), np.nan)


def not_negative(days: NDArray[np.float64], name: str, faults: list[Fault]) -> None:
    """Add a fault for times before time began."""
    wrong = np.flatnonzero(days < 0)
    if wrong.size:
        times = "1 time is" if wrong.size == 1 else f"{wrong.size} times are"
        faults.append(Fault(name, f"{times} negative, the first on line {wrong[0] + 2}"))


def unlearnt(name: str, target: Outcome) -> DataError:
    """Return the error for an outcome that no table or store of events holds."""
    return DataError(
        f"target {name!r} is of type {target.type!r}",
        why="it is not told by rows or events, so no site reads it from them",
        remedy="keep masks beside their images: docs/formats/dataset.md#masks",
    )


def folds(text: Text, faults: list[Fault]) -> NDArray[np.int8]:
    """Return the folds that the data themselves name, numbered as in `FOLDS`."""
    names: Mapping[str, int] = FOLDS
    read, bad = _convert(text, lambda entry: float(names[entry.lower()]))
    bad |= np.array([entry is None for entry in text], bool)
    _report(text, bad, "split", "is not one of train, validation, test", faults)
    return np.nan_to_num(read).astype(np.int8)


def _convert(
    text: Text, convert: Callable[[str], float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return converted values and where conversion failed.

    Distinct texts are converted once; columns of a few levels are read at the speed of a
    dictionary.
    """
    seen: dict[str, float | None] = {}
    read = np.full(len(text), np.nan)
    bad = np.zeros(len(text), bool)
    for row, entry in enumerate(text):
        if entry is None:
            continue
        if entry not in seen:
            try:
                seen[entry] = convert(entry)
            except (ValueError, KeyError):
                seen[entry] = None
        value = seen[entry]
        if value is None:
            bad[row] = True
        else:
            read[row] = value
    return read, bad


def _report(
    text: Text,
    where: NDArray[np.bool_],
    name: str,
    says: str,
    faults: list[Fault],
    *,
    hint: Callable[[str], str] = lambda _: "",
) -> None:
    """Add what is wrong with a column, with a count, the first line and its text."""
    rows = np.flatnonzero(where)
    if not rows.size:
        return
    first = "(empty)" if text[rows[0]] is None else str(text[rows[0]])[:40]
    count = "1 value" if rows.size == 1 else f"{rows.size} values, the first"
    faults.append(Fault(name, f"{count} on line {rows[0] + 2}: {first!r} {says}{hint(first)}"))


def _also(text: Text, where: NDArray[np.bool_]) -> Callable[[str], str]:
    """Return what tells of further texts, beside the first one, that are no words of the study.

    A text that many rows have is a word of the site, and no value of one patient.
    """

    def told(first: str) -> str:
        often = Counter(str(entry)[:40] for entry in text[where]).most_common(LISTED)
        others = [repr(word) for word, rows in often if rows >= OFTEN and word != first]
        return f"; also {', '.join(others)}" if others else ""

    return told


def _yes_no(entry: str) -> float:
    lower = entry.lower()
    if lower in TRUE:
        return 1.0
    if lower in FALSE:
        return 0.0
    raise ValueError(entry)


def _decimal(entry: str) -> float:
    """Return the number written in `entry` as data files write it, not as Python does."""
    if "_" in entry or not entry.isascii():
        raise ValueError(entry)
    return float(entry)


def _with_comma(entry: str) -> float:
    """Return the number in `entry`, whose decimal mark is a comma."""
    if "." in entry:
        raise ValueError(entry)
    return _decimal(entry.replace(",", "."))


def _whole(entry: str) -> str:
    """Return '1' for '1.0'; other texts as they are."""
    try:
        value = _decimal(entry)
    except ValueError:
        return entry
    return str(int(value)) if value.is_integer() else entry


def _number_hint(found: str) -> str:
    if found.replace(",", "", 1).lstrip("-").isdigit() and "," in found:
        return " (decimal comma: write a point, or decimal = ',' in dataset.toml)"
    return " (if it means missing, list it under `missing` in dataset.toml)"


def _finite_hint(_: str) -> str:
    return " (if it means missing, leave it empty or list it under `missing`)"
