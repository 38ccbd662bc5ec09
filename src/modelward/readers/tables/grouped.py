"""Digits in groups of three: 1.234.567,8 and 1,234,567.8 are the same number.

A mark for thousands is never guessed, as 1.234 is one number with it and another without.
dataset.toml names it (`thousands`); the check says where a column looks as if it had one.
"""

import re

MARKS = {".": r"\.", ",": ",", " ": " ", "'": "'"}
"""What may stand between groups -> as a regular expression."""


def written(thousands: str, decimal: str) -> str:
    """Return the regular expression of a number whose digits stand in groups."""
    groups = rf"[+-]?[0-9]{{1,3}}({MARKS[thousands]}[0-9]{{3}})+"
    return rf"^{groups}({MARKS[decimal]}[0-9]+)?$"


def ungrouped(text: str, thousands: str, decimal: str) -> str:
    """Return `text` without marks for thousands; unchanged if it is no such number.

    >>> ungrouped("1.234,5", ".", ","), ungrouped("12.34", ".", ",")
    ('1234,5', '12.34')
    """
    if not thousands or re.match(written(thousands, decimal), text) is None:
        return text
    return text.replace(thousands, "")


def sql(text: str, thousands: str, decimal: str) -> str:
    """Return the SQL that does to an expression what `ungrouped` does to a text."""
    if not thousands:
        return text
    mark, pattern = (
        each.replace("'", "''") for each in (thousands, written(thousands, decimal))
    )
    return (
        f"CASE WHEN regexp_matches({text}, '{pattern}') "
        f"THEN replace({text}, '{mark}', '') ELSE {text} END"
    )


ALL_GROUPED = r"^[+-]?[1-9][0-9]{0,2}(MARK[0-9]{3})+$"
"""What every number with the decimal mark looks like where that is a mark for thousands."""


def suspicious(decimal: str) -> str:
    """Return the regular expression of a number that may have marks for thousands."""
    return ALL_GROUPED.replace("MARK", MARKS[decimal])


def hint(found: str, decimal: str) -> str:
    """Return what to write for a text that is no number; '' if it has no groups."""
    other = "," if decimal == "." else "."
    if decimal == "." and re.match(written(other, decimal), found) and found.count(",") == 1:
        return (
            " (a decimal comma: decimal = ',' in dataset.toml; for thousands: thousands = ',')"
        )
    for mark in (other, " ", "'"):
        if re.match(written(mark, decimal), found):
            return f" (thousands? write thousands = {mark!r} in dataset.toml)"
    return ""
