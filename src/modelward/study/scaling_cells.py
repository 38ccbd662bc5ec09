"""Sums for scaling, laid out as tables of persons, and free of small cells.

A sum over a yes/no column is the number of those with a yes: (known + total) / 2, because t is
1 or -1. The levels of a category are such columns, of which the first has none: it is known
minus the others. So each feature is a small table, and a site that has one to k - 1 persons in
a cell of it leaves columns out, as if nobody's value were known there (`coarser`): the scaling
of the study is then that of the other sites. Without a site's own it still has a scaling.

How many values are missing is a number of persons too, with a minimum of its own: it says of
nobody what the value is, so a site's policy may let any number of it out, and does at first.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from modelward.core.columns import Column
from modelward.core.counted import HIDDEN, Counted, Reading, strange_moments
from modelward.core.tensors import Tensors

SUMS = ("known", "square", "total")


def reading(columns: Sequence[Column], answer: Tensors, units: int) -> Reading:
    """Return how sums for scaling are read, by the gate of a site.

    Args:
        columns: What each column is.
        answer: As study/scaling.py has them.
        units: The site's training units.
    """
    tables = [Counted("units", answer["units"], units)]
    if not columns:
        return Reading(tuple(tables), frozenset(answer))
    known, total, square = answer["known"], answer["total"], answer["square"]
    tables.append(Counted("known", known))
    wrong = strange_moments(known, total, square)
    if (known > units).any():
        wrong += ("more values are known than there are units",)
    for name, places in _levels(columns):
        told = known[places]
        if (square[places] != told).any():
            wrong += (f"{name} is yes or no, and its squares are not its number",)
        shown = told[told > 0]
        if not shown.size:
            continue
        if (shown != shown[0]).any():
            wrong += (f"levels of {name} are known of different numbers of persons",)
        yes = np.where(told > 0, (told + total[places]) / 2, float(HIDDEN))
        rest = HIDDEN if shown.size < len(places) else shown[0] - yes.sum()
        tables.append(Counted(name, np.array([rest, *yes]), int(shown[0])))
    without = Counted("values not known", np.where(known > 0, units - known, float(HIDDEN)))
    return Reading(tuple(tables), frozenset({"units", *SUMS}), wrong, (without,))


def coarser(
    columns: Sequence[Column], answer: Tensors, least: int, missing: int = 1
) -> Tensors:
    """Return `answer` without columns that would tell of one to `least` - 1 persons.

    Args:
        columns: What each column is.
        answer: As study/scaling.py has them.
        least: Fewest persons in a cell.
        missing: Fewest persons whose value is not known.
    """
    if not columns:
        return answer
    known, total = answer["known"], answer["total"]
    without = answer["units"][0] - known
    out = (known > 0) & (known < least) | (without > 0) & (without < missing)
    for _, places in _levels(columns):
        yes = (known[places] + total[places]) / 2
        counts = np.array([known[places[0]] - yes.sum(), *yes])
        hidden = (counts > 0) & (counts < least)
        if not hidden.any():
            continue
        hidden[0] = True  # the first level has no column: it hides with every other
        while counts[hidden].sum() < least or hidden.sum() == 1:
            others = np.flatnonzero(~hidden)
            if not others.size:
                break
            hidden[others[np.argmin(counts[others])]] = True
        out[places] |= hidden[1:]
    if not out.any():
        return answer
    return {**answer, **{name: np.where(out, 0.0, answer[name]) for name in SUMS}}


def _levels(columns: Sequence[Column]) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """Yield every yes/no or category feature with the places of its columns."""
    named: dict[str, list[int]] = {}
    for place, column in enumerate(columns):
        if column.indicates:
            named.setdefault(column.feature, []).append(place)
    for name, places in named.items():
        yield name, np.array(places)
