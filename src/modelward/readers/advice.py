"""What to write in dataset.toml for what a reader could not read."""

import re

MAP = "correct dataset.toml: [columns], [values], [units], [spellings] or [codes]"

WORD = re.compile(r"'([^']*)' is (?:not one of (.*)|neither yes nor no)$")
"""A text that is no word of the study, and the words that there are."""

UNIT = re.compile(r"'([^']*)' is not a UCUM unit")


def advice(key: str, says: str) -> str:
    """Return the remedy of a fault that a reader found.

    Args:
        key: Name in the study.
        says: What was found.

    >>> advice("ward", "1 value on line 3: 'Innere' is not one of medical, other")
    'correct dataset.toml: under [values.ward] "Innere" = "…" (medical, other; "" if not known)'
    """
    word, unit = WORD.search(says), UNIT.search(says)
    if word is not None:
        meant = word[2] or "yes, no"
        mapped = f'"{word[1]}" = "…" ({meant}; "" if not known)'
        return f"correct dataset.toml: under [values.{key}] {mapped}"
    if unit is not None:
        return f'correct dataset.toml: under [spellings] "{unit[1]}" = "…" (its UCUM code)'
    if "different quantities" in says:
        return f'correct dataset.toml: under [units] {key} = "…", or another column or code'
    return MAP
