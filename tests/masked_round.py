"""A round of secure aggregation among invented sites, with dropouts and lies on request."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.privacy.masks import hub, site
from modelward.privacy.masks.grid import Words
from modelward.privacy.masks.messages import FromSite, ToSite
from modelward.privacy.masks.seat import Seat
from modelward.privacy.masks.session import Session

Lie = Callable[[int, str, ToSite], ToSite]
"""What a hub that lies tells a site: phase, name and the honest message in."""


class MemoryJournal:
    """A journal that lasts as long as the test."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def once(self, name: str, value: bytes, /) -> bytes:
        """Keep `value` unless something is there; return what is kept."""
        return self.kept.setdefault(name, value)


@dataclass
class Ward:
    """Sites of one round, from numbers.

    Attributes:
        n: How many.
        size: Words of each.
        seed: Of everything random.
        bits: Of a word.
    """

    n: int
    size: int = 3
    seed: int = 0
    bits: int = 64
    journals: dict[str, MemoryJournal] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.seed, self.n])
        for name in self.names:
            self.journals[name] = MemoryJournal()
            words = rng.integers(0, 2**64, self.size, np.uint64)
            self.words[name] = words.astype(self.session.dtype)

    @property
    def names(self) -> list[str]:
        return [f"site{place:02d}" for place in range(self.n)]

    def key(self, name: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.secret(name, "signing"))

    def secret(self, name: str, what: str) -> bytes:
        return sha256(f"{self.seed} {name} {what}".encode()).digest()

    @property
    def session(self) -> Session:
        roster = tuple(
            (name, self.key(name).public_key().public_bytes_raw().hex()) for name in self.names
        )
        return Session("study", 1, "task", "schema", roster, self.size, self.bits)

    def seat(self, name: str) -> Seat:
        return Seat(self.session, name, self.key(name), self.words[name], self.journals[name])

    def begin(self, name: str) -> tuple[site.State, FromSite]:
        return site.begin(self.seat(name), self.secret(name, "entropy"))

    def expected(self, names: Collection[str]) -> Words:
        """Return the sum over `names`, modulo 2^bits."""
        total = np.zeros(self.size, self.session.dtype)
        for name in names:
            total += self.words[name]
        return total


def play(
    ward: Ward, drops: Mapping[str, int] | None = None, lie: Lie = lambda _, __, told: told
) -> tuple[hub.State, dict[str, site.State], list[dict[str, FromSite]]]:
    """Play all five phases; a site in `drops` is silent from that phase on.

    Returns:
        The hub, the sites, and what was said in each phase.
    """
    silent = drops or {}
    centre = hub.State(ward.session)
    states: dict[str, site.State] = {}
    told: Mapping[str, ToSite] = {}
    spoken: list[dict[str, FromSite]] = []
    for phase in range(len(hub.PHASES)):
        spoken.append({})
        for name in ward.names if phase == 0 else sorted(told):
            if silent.get(name, 9) <= phase:
                continue
            if phase == 0:
                states[name], said = ward.begin(name)
            else:
                states[name], said = site.step(states[name], lie(phase, name, told[name]))
            spoken[phase][name] = said
            centre = hub.receive(centre, name, said)
        if phase + 1 < len(hub.PHASES):
            centre, told = hub.close(centre)
    return centre, states, spoken
