"""What to write in dataset.toml for what a reader could not read."""

import re

from modelward.readers.dataset import MISSING

SOURCE = re.compile(r" \(source ([a-z0-9_-]+)\)$")
"""Where a fault is of a source that is joined: its tables stand under its name."""

ROWS = {
    "no patient": "take the row out, such as a line of totals, or write whose it is",
    "a patient; one row per patient": "keep one row of a patient: the latest, say; or write "
    "another heading as `patient` in dataset.toml",
}
"""What is said of rows of a table -> what helps."""

MAP = "correct dataset.toml: [columns], [values], [units], [spellings] or [codes]"

WORD = re.compile(
    r"'([^']*)' is (?:not one of ([^;]*)|neither yes nor no)(?:; also (?P<also>.*))?$"
)
"""A text that is no word of the study, the words that there are, and further such texts."""

NUMBER = re.compile(r"'([^']*)' is not a number \(if it means missing")
"""A text in a number that may stand for "not known"."""

UNIT = re.compile(r"'([^']*)' is not a UCUM unit")


def advice(key: str, says: str) -> str:
    """Return the remedy of a fault that a reader found.

    Args:
        key: Name in the study.
        says: What was found.

    >>> advice("ward", "1 value on line 3: 'Innere' is not one of medical, other")
    'correct dataset.toml: under [values.ward] "Innere" = "…" (medical, other; "" if not known)'
    """
    source = SOURCE.search(says)
    part = f"sources.{source[1]}." if source else ""
    says = SOURCE.sub("", says)
    word, unit, number = (each.search(says) for each in (WORD, UNIT, NUMBER))
    if word is not None:
        meant = word[2] or "yes, no"
        words = [word[1], *re.findall(r"'([^']*)'", word["also"] or "")]
        mapped = ", ".join(f'"{each}" = "…"' for each in words)
        lines = "one a line, " if len(words) > 1 else ""
        meant = f'({lines}{meant}; "" if not known)'
        return f"correct dataset.toml: under [{part}values.{key}] {mapped} {meant}"
    if number is not None:
        listed = ", ".join(f'"{each}"' for each in (*MISSING, number[1]))
        return f"if it means missing: under [{part}dataset] missing = [{listed}]"
    if unit is not None:
        return (
            f'correct dataset.toml: under [{part}spellings] "{unit[1]}" = "…" (its UCUM code)'
        )
    if "different quantities" in says:
        return (
            f'correct dataset.toml: under [{part}units] {key} = "…", or another column or code'
        )
    return next((helps for told, helps in ROWS.items() if told in says), MAP)
