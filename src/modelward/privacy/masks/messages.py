"""What sites and the hub tell each other in a round of secure aggregation.

To a site: the hub's copy of what the others said. From a site: one message per phase. All
fields are text, bytes and tables of them, so that any engine can carry them; what the hub
could alter is signed or sealed, and checked by whoever receives it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from modelward.privacy.masks.grid import Words


@dataclass(frozen=True, slots=True)
class Advert:
    """Phase 0, from a site: its keys of this round.

    Attributes:
        channel: X25519 public key that peers seal shares for, 32 bytes.
        mask: X25519 public key that pairwise masks come from, 32 bytes.
        seed_hash: SHA-256 of the self-mask seed, so that a wrong share is noticed.
        signature: Ed25519 over all of this and the session.
    """

    channel: bytes
    mask: bytes
    seed_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Adverts:
    """To a site: every advert that arrived, by name."""

    of: Mapping[str, Advert]


@dataclass(frozen=True, slots=True)
class Parcels:
    """Phase 1, from a site: sealed shares by the name of the peer who can open them."""

    to: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Inbox:
    """To a site: the parcels that peers sealed for it, by the name of the sender."""

    of: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """Phase 2, from a site: its words behind masks, [size]."""

    words: Words


@dataclass(frozen=True, slots=True)
class Survivors:
    """To a site: names of those whose masked words arrived, in order."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consent:
    """Phase 3, from a site: its signature under the list of survivors."""

    signature: bytes


@dataclass(frozen=True, slots=True)
class Consents:
    """To a site: signatures of survivors under the same list, by name."""

    of: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Reveal:
    """Phase 4, from a site: shares, by the name of the site whose secret they are of.

    Attributes:
        seeds: Of the self masks of survivors.
        keys: Of the mask keys of those who dropped out after sharing.
    """

    seeds: Mapping[str, bytes]
    keys: Mapping[str, bytes]


ToSite = Adverts | Inbox | Survivors | Consents
FromSite = Advert | Parcels | Masked | Consent | Reveal
