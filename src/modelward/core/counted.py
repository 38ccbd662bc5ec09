"""What an answer tells about numbers of persons, laid out as tables.

A gate judges cells of tables, and what leaves a site is tensors. So whoever defines an answer
also says how to read it: which tables of persons it holds, and which tensors are sums that
count nobody (study/counted.py asks each kind of answer). What nobody can read does not leave.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Persons = NDArray[np.float64]
"""Numbers of persons; whole, but float64 as in the tensors that leave."""

HIDDEN = -1
"""Stands in for a count that is not shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """One table of persons.

    Attributes:
        name: For whoever reads a finding.
        cells: Persons in each cell, each person in one cell at most; `HIDDEN` where it is not
            shown. Of any shape.
        total: Persons in all cells, the hidden ones too, as far as a reader can know; None
            where nothing tells. May be an array of totals, one a row of `cells`.
        whole: Whether every one of `total` is in some cell.
    """

    name: str
    cells: Persons
    total: int | Persons | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How an answer is read.

    Attributes:
        tables: Its tables of persons.
        read: Names of the tensors that were understood, as tables or as sums.
        wrong: What cannot be true of any cohort, such as a square below zero.
        missing: Tables of those of whom something is not known: persons too, judged by a
            minimum of their own.
    """

    tables: tuple[Counted, ...]
    read: frozenset[str]
    wrong: tuple[str, ...] = ()
    missing: tuple[Counted, ...] = ()


def hidden_where(
    flags: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return `counts` with `HIDDEN` where `flags` are not zero."""
    return np.where(flags != 0, float(HIDDEN), counts)


def strange_flags(**flags: NDArray[np.float64]) -> tuple[str, ...]:
    """Return what is said of tensors that are not zeros and ones."""
    return tuple(
        f"{name} has values that are neither 0 nor 1"
        for name, values in flags.items()
        if not np.isin(values, (0.0, 1.0)).all()
    )


def strange_moments(
    known: NDArray[np.float64], total: NDArray[np.float64], square: NDArray[np.float64]
) -> tuple[str, ...]:
    """Return what is said of sums of t and t^2 that no values within [-1, 1] add up to.

    Args:
        known: Values behind each sum.
        total: Sums of t.
        square: Sums of t^2, of the same shape.
    """
    room = 1e-6 * (1 + known)  # sums are on a grid
    good = (np.abs(total) <= known + room) & (square >= -room) & (square <= known + room)
    good &= np.square(total) <= square * known + room * (1 + known)
    return () if good.all() else ("sums of values that are not within the study's ranges",)
