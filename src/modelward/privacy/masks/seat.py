"""A site's place in one round of secure aggregation, and the journal of its decisions.

What a site must never decide twice in a round is written down before it is acted upon. A
site that was killed begins again from the journal and says the same bytes; asked to decide
otherwise, it refuses: two different answers could be subtracted from each other.
"""

from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.errors import MaskingFailed
from modelward.privacy.masks.grid import Words
from modelward.privacy.masks.session import Session


class Journal(Protocol):
    """Where a site keeps the decisions of one round of one study, for ever."""

    def once(self, name: str, value: bytes, /) -> bytes:
        """Keep `value` under `name` unless something is kept there; return what is kept.

        It is on disk before the call returns.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """A site in a round; what does not change from phase to phase.

    Attributes:
        session: The round.
        name: The site's name.
        key: Its signing key, whose public part the roster pins.
        words: What it adds to the sum, [session.size].
        journal: Where decisions are kept.
    """

    session: Session
    name: str
    key: Ed25519PrivateKey = field(repr=False)
    words: Words = field(repr=False)
    journal: Journal = field(repr=False)

    def decide(self, name: str, value: bytes, other: str) -> None:
        """Write a decision down, or return if the same one is there already.

        Args:
            name: What is decided.
            value: How.
            other: What it would mean to decide otherwise, for the error: "asked to ...".

        Raises:
            MaskingFailed: If something else was decided.
        """
        if self.journal.once(name, value) != value:
            raise MaskingFailed(
                f"{self.name} was asked to {other}",
                why="two different answers in one round can be subtracted from each other",
                remedy="start a new round of the study",
            )
