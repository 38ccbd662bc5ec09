"""Keys of the parties of a circle, pinned on disk when they are first met.

    FOLDER/parties     a verifier key a line, by name

Trust on first use: whoever comes later under a known name comes with the same key, or is
refused. Who may be met at all is the roster's business, which the caller has checked.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelward.durable import write_whole
from modelward.errors import LedgerBroken
from modelward.ledger.note import VerifierKey

PARTIES = "parties"


def read_pinned(folder: Path) -> dict[str, VerifierKey]:
    """Return name -> key of everybody whom a circle in `folder` has met."""
    path = folder / PARTIES
    text = path.read_text("utf-8") if path.is_file() else ""
    return {key.name: key for key in map(VerifierKey.parse, text.splitlines())}


def pinned(
    folder: Path, known: Mapping[str, VerifierKey], keys: Sequence[VerifierKey]
) -> dict[str, VerifierKey]:
    """Return `known` with what is new in `keys`, on disk as well.

    Raises:
        LedgerBroken: If a party comes with another key than before; then nothing is kept.
    """
    found = dict(known)
    for key in keys:
        if found.setdefault(key.name, key) != key:
            raise LedgerBroken(
                f"{key.name} comes with another key than the one that is pinned here",
                why="a party that changes its key could show two histories",
                remedy="compare fingerprints by voice; a new key is a new name",
            )
    if len(found) > len(known):
        text = "".join(f"{found[name].text}\n" for name in sorted(found))
        write_whole(folder / PARTIES, text.encode())
    return found
