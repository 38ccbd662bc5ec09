"""Who witnesses whom: the hub, and the next sites by name, in a ring.

So nobody chooses the witnesses, and a round costs each party the same few signatures however
many sites there are (docs/decisions/0016). What witnesses do is circle.py's.
"""

from collections.abc import Iterable

HUB = "modelward/hub"
"""Name of the hub's key as a witness."""

OTHERS = 4
"""Sites that witness a ledger, besides the hub."""


def witnesses_of(origin: str, sites: Iterable[str]) -> tuple[str, ...]:
    """Return who witnesses the ledger `origin`: the hub and the next sites in the ring.

    Args:
        origin: Name of the ledger.
        sites: Names of all ledgers, this one among them or not.
    """
    ring = sorted({origin, *sites} - {HUB})
    at = ring.index(origin) if origin in ring else 0
    return (HUB, *[each for each in ring[at + 1 :] + ring[:at] if each != origin][:OTHERS])
