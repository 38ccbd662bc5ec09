"""TOML that people wrote, read within bounds.

The files come from other institutions, and `tomllib` promises correct results, not soon:
a key of many dotted parts takes it quadratic time, a deep table breaks the stack of whoever
walks it next, and an integer of 5,000 digits is not one of its own errors. So length, depth
and key parts are bounded here, and whatever is wrong is one `NotToml`.

What the keys mean is for the caller: study/read.py, gate/policy_file.py, readers/dataset.py.
"""

import json
import re
import tomllib
from pathlib import Path

from modelward.core.canonical import MAX_DEPTH, is_too_deep

MAX_BYTES = 2**20
"""Longest file; a study of a thousand features takes a fifth of it."""

MAX_PARTS = 16
"""Most dotted parts of a key."""

_TOKEN = re.compile(r"""[\w-]++|"[^"\n]*+"|'[^'\n]*+'|[ \t]++|[^ \t]""")


class NotToml(ValueError):
    """The bytes are not TOML within these bounds; the text says why."""


def read(path: Path) -> str:
    """Return the JSON of the TOML file at `path`.

    Raises:
        NotToml: If it is not TOML within the bounds.
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return to_json(file.read(MAX_BYTES + 1))


def to_json(raw: bytes) -> str:
    """Return the JSON of a TOML text: its arrays as lists, its dates and times as text.

    Raises:
        NotToml: If it is not TOML within the bounds.
    """
    if len(raw) > MAX_BYTES:
        raise NotToml(f"it is longer than {MAX_BYTES:,} bytes")
    try:
        text = raw.decode("utf-8")
        _check_keys(text)
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotToml(str(error)) from error
    if is_too_deep(table):
        raise NotToml(f"it is nested more than {MAX_DEPTH} deep")
    return json.dumps(table, default=str)


def _check_keys(text: str) -> None:
    """Raise NotToml if a line holds what reads as a key of too many parts."""
    dotted = text.split("\n") if text.count(".") >= MAX_PARTS else []
    for line in (each for each in dotted if each.count(".") >= MAX_PARTS):
        dots, after_dot = 0, False
        for part in _TOKEN.findall(line):
            if part == ".":
                dots, after_dot = dots + 1, True
            elif not part.isspace():
                is_part = part[0] in "\"'-_" or part[0].isalnum()
                dots = dots if is_part and after_dot else 0
                after_dot = False
            if dots >= MAX_PARTS:
                raise NotToml(f"a key has more than {MAX_PARTS} parts: {line[:80]!r}")
