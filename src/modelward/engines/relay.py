"""A hop between two carriers: boxes are copied as they are, and nothing is looked into.

A hospital that may not dial out publishes into a folder of its own network; whatever stands
at its edge relays that folder to the server, and the server's boxes back. Letters are signed
and chained, artifacts are sealed and named by hash, so a relay needs nobody's trust: what it
withholds is missing, and it can do no more. Hops can be put one behind the other.

Which objects a box has is read from its offers; everything else of a letter is left alone.
"""

from collections.abc import Iterator
from pathlib import Path

from modelward import durable
from modelward.core.canonical import parse_strict
from modelward.core.ports import Carrier
from modelward.errors import BadArtifact

LARGEST = 2**34
"""Most bytes of one sealed artifact that are passed on."""


def relay(near: Carrier, far: Carrier, box: str, folder: Path, *, after: int = 0) -> int:
    """Copy what is new in `box` of `near` to `far`, whose own box it is.

    Args:
        near: Where the letters are read.
        far: Where they are posted: opened as the institution `box`.
        box: The institution.
        folder: Where artifacts lie on their way; what is there is not fetched again.
        after: Number of the last letter that `far` has; letters it has are posted again
            without effect.

    Returns:
        Number of the last letter that both have.

    Raises:
        EngineFailed: If one of the two cannot be reached; relaying again goes on there.
    """
    durable.make_folder(folder)
    for number, raw in near.read(box, after):
        for digest in _objects(raw):
            path = folder / digest
            if not path.exists():
                near.fetch(box, digest, path, most=LARGEST)
            far.put(digest, path)
        far.post(number, raw)
        after = number
    return after


def _objects(raw: bytes) -> Iterator[str]:
    """Yield the sealed artifacts that a letter names; nothing for what is no letter."""
    try:
        letter = parse_strict(raw, what="letter")
        if letter["kind"] == "offer":
            yield str(letter["body"]["sealed"]["sha256"])
    except (BadArtifact, KeyError, TypeError):
        return
