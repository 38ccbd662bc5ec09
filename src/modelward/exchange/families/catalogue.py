"""The families that are installed, by name."""

import re
from collections.abc import Callable

from modelward.errors import BadArtifact
from modelward.exchange.families.conv import Conv
from modelward.exchange.families.dense import Linear, Perceptron
from modelward.exchange.families.family import Family

_SIZED: dict[str, Callable[[int], Family]] = {"mlp": Perceptron, "conv": Conv}

LARGEST = 1024
"""Most units or channels; what is larger is refused before memory is taken for it."""


def load(name: str, version: int = 1) -> Family:
    """Return the family called `name`: `linear`, `mlp-N` or `conv-N`.

    Raises:
        BadArtifact: If there is none of that name and version.
    """
    found = re.fullmatch(r"(mlp|conv)-([1-9][0-9]{0,3})", name)
    if version == 1 and name == "linear":
        return Linear()
    if version == 1 and found and int(found[2]) <= LARGEST:
        return _SIZED[found[1]](int(found[2]))
    raise BadArtifact(
        f"there is no model family {name[:40]!r} of version {version}",
        why="only families that are installed are run; code never travels",
        remedy="use linear, mlp-N or conv-N, or update modelward",
    )
