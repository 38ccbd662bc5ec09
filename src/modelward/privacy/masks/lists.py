"""What sums over several lists of sites tell about a single one.

Masks hide a site in a sum. Two sums of the same numbers over lists that differ by one site
show that site's as their difference, and so do several over lists that differ by more, where
they can be solved: {a b c d}, {a b d e}, {a c d e} and {b c d e} with each other. A number of
one site is a linear combination of the sums exactly if the unit vector of that site lies in
the row space of the matrix of lists, which its reduced row echelon form shows: a row of the
form is that vector. The arithmetic is of fractions, so there is nothing to be near.
"""

from collections.abc import Iterable
from fractions import Fraction


def singled_out(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Return the sites whose numbers the sums over all `lists` show, in name order.

    Args:
        lists: Of each sum, the names of the sites in it.
    """
    different = {frozenset(names) for names in lists}
    names = sorted(frozenset[str]().union(*different))
    rows = [
        [Fraction(name in each) for name in names] for each in sorted(different, key=sorted)
    ]
    return tuple(
        names[place]
        for place, row in _reduced(rows, len(names))
        if sum(value != 0 for value in row) == 1
    )


def _reduced(rows: list[list[Fraction]], width: int) -> list[tuple[int, list[Fraction]]]:
    """Return the rows of the reduced echelon form, each with the column of its leading one."""
    found: list[tuple[int, list[Fraction]]] = []
    left = list(rows)
    for place in range(width):
        lead = next((row for row in left if row[place]), None)
        if lead is None:
            continue
        left.remove(lead)
        first = [value / lead[place] for value in lead]
        left = [_without(row, first, place) for row in left]
        found = [(where, _without(row, first, place)) for where, row in found]
        found.append((place, first))
    return found


def _without(row: list[Fraction], lead: list[Fraction], place: int) -> list[Fraction]:
    """Return a row less as much of `lead` as makes it zero in a column."""
    much = row[place]
    if not much:
        return row
    return [value - much * other for value, other in zip(row, lead, strict=True)]
