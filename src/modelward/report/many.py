"""From how many hospitals on a report summarises, and how it names some of many.

A page is read: fifty names in a sentence are not, nor a table with a row for every pair of a
model and a hospital. What is not on the page is in report.json, and the page says so.
"""

from collections.abc import Sequence

MANY = 12
"""Hospitals up to which everything is shown in full."""

NAMED = 8
"""Most names in a sentence where there are more than `MANY`."""


def some(names: Sequence[str], joint: str = ", ") -> str:
    """Return the names in a row, of very many the first and how many more there are.

    >>> some(["a", "b"])
    'a, b'
    >>> some([str(n) for n in range(20)])
    '0, 1, 2, 3, 4, 5, 6, 7 and 12 more'
    """
    if len(names) <= MANY:
        return joint.join(names)
    return f"{joint.join(names[:NAMED])} and {len(names) - NAMED:,} more"
