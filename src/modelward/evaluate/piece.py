"""Parts of an evaluation that need nothing of each other.

Whoever has several cores works them side by side (simulation/spread.py); a site and a hub do
one after another. An answer is bytes, because it may come from another process. What a piece
draws is named by what it judges, so no bit depends on who worked it, or after which other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One part.

    Attributes:
        name: What is judged, in words for whoever watches.
        size: Expected work, in any unit that all pieces of a call share.
        work: Does it.
    """

    name: str
    size: float
    work: Callable[[], bytes]


Aside = Callable[[Sequence[Piece]], Sequence[bytes]]
"""Works all pieces and returns their answers, in the order given."""


def in_turn(pieces: Sequence[Piece]) -> list[bytes]:
    """Work one piece after another, here."""
    return [piece.work() for piece in pieces]
