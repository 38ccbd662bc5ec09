"""Checking the form of a million lines, most of which look alike.

The full check of a line (entry.decode) parses it and writes it again. But entries come in
few shapes: the same keys with other hashes and numbers. So a line that passed the full
check leaves a pattern behind, in which every key, bracket and rarer value stands as it is
and only values may differ: a string of printable ASCII without quote and backslash, or an
integer of at most 15 digits. Both have one spelling in RFC 8785 (sections 3.2.2.2 and
3.2.2.3), and the keys are those of a canonical line, so a line that fits the pattern from
end to end is canonical too. What fits no pattern gets the full check.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

from modelward.core.canonical import Json, canonical_bytes
from modelward.ledger import entry

MOST_SHAPES = 64
"""Patterns kept; a ledger with more shapes than that is checked in full, which is slower."""

_STRING = rb'"[ !#-\[\]-~]*+"'
_INTEGER = rb"(?>0|-?[1-9][0-9]{0,14})"


class Shapes:
    """What lines have looked like so far; state lasts for one reading of a ledger."""

    def __init__(self) -> None:
        self._known: defaultdict[int, list[re.Pattern[bytes]]] = defaultdict(list)
        self._count = 0

    def seq(self, line: bytes) -> int:
        """Return the `seq` of one line, with its newline, as `entry.decode` would find it.

        Raises:
            LedgerBroken: Unless the line is the canonical form of a table with `seq`.
        """
        known = self._known[line.count(b'"')]
        short = len(line) <= entry.MAX_BYTES + 1
        for pattern in known if short else ():
            found = pattern.fullmatch(line)
            if found:
                return int(found[1])
        parsed = entry.decode(line)
        if self._count < MOST_SHAPES:
            known.append(re.compile(_pattern_of(parsed) + rb"\n"))
            self._count += 1
        return int(str(parsed["seq"]))


def _pattern_of(value: Json, *, top: bool = True) -> bytes:
    """Return the pattern of a value that was just read from a canonical line."""
    if isinstance(value, Mapping):
        pairs = [
            re.escape(canonical_bytes(name))
            + b":"
            + (
                b"(" + _INTEGER + b")"
                if top and name == "seq"
                else _pattern_of(inner, top=False)
            )
            for name, inner in value.items()
        ]
        return rb"\{" + b",".join(pairs) + rb"\}"
    if isinstance(value, str):
        return _STRING
    if type(value) is int:
        return _INTEGER
    if isinstance(value, list):
        return rb"\[" + b",".join(_pattern_of(each, top=False) for each in value) + rb"\]"
    return re.escape(canonical_bytes(value))
