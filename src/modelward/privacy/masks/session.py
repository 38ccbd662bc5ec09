"""One round of secure aggregation: who takes part, what it is bound to, what it withstands.

Implements Bonawitz et al. 2017 (CCS, doi:10.1145/3133956.3133982), figure 4, with the
consistency check against a hub that lies, on the complete graph of a roster:

    0 advertise   every site: fresh mask key and channel key, signed
    1 share       every site: shares of its mask key and of its self mask, sealed per peer
    2 mask        every site: its words plus self mask plus/minus pairwise masks
    3 agree       every site: its signature under the list of those whose words arrived
    4 reveal      every site: for each listed site a share of its self mask, for each
                  missing one a share of its mask key; never both kinds of one site

With n sites and threshold t = floor(2n/3) + 1, after the round anybody who follows the
protocol and pools what t - 1 sites know learns the sum over the others, and no more. A hub
that lies, showing two lists of survivors to two groups, needs t shares of each kind. An
honest site gives one kind only, so c colluding sites are enough only if n - c + 2c >= 2t:
the round withstands 2t - n - 1 of them (ibid., section 6.2). With n = 3, two sites that
pool what they know see the third: that is a property of sums.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.core.canonical import Json, canonical_bytes, canonical_hash
from modelward.core.ring import MAX_SITES
from modelward.errors import MaskingFailed

SMALLEST = 3
"""Fewest sites of a sum: with two, each sees the other."""

WIDEST = 64
"""Bits of a word, unless updates are coded (core/ring.py)."""


def threshold(sites: int) -> int:
    """Return how many of `sites` sites must stay to the end: floor(2n/3) + 1."""
    return 2 * sites // 3 + 1


@dataclass(frozen=True, slots=True)
class Session:
    """What every key, share and signature of a round is bound to.

    Attributes:
        study: SHA-256 of the study.
        round_no: The round.
        task: Id of the task that is answered.
        schema: SHA-256 of the schema of what is summed, and its grid.
        roster: Name and raw Ed25519 public key (hex) of each site, as pinned by the study's
            approvals, in name order.
        size: Words of a masked vector, at least 1.
        bits: Of a word; sums are modulo 2^bits. 64, or fewer where updates are coded.

    Raises:
        MaskingFailed: If there are fewer than 3 sites or more than `MAX_SITES`, or two have
            the same name or key.
    """

    study: str
    round_no: int
    task: str
    schema: str
    roster: tuple[tuple[str, str], ...]
    size: int
    bits: int = WIDEST

    def __post_init__(self) -> None:
        names, keys = self.names, [key for _, key in self.roster]
        apart = len(set(names)) == len(names) and len(set(keys)) == len(keys)
        ordered = list(names) == sorted(names)
        if not (SMALLEST <= len(names) <= MAX_SITES and apart and ordered and self.size > 0):
            raise MaskingFailed(
                f"a roster of {len(names)} sites: {', '.join(names)}",
                why=f"a masked sum has {SMALLEST} to {MAX_SITES} sites, each once, by name",
                remedy="invite more sites, or run the study in the mode 'robust'",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Sites, in order; a site's point in shares is its place counted from 1."""
        return tuple(name for name, _ in self.roster)

    @property
    def threshold(self) -> int:
        """Sites that must stay to the end: floor(2n/3) + 1."""
        return threshold(len(self.roster))

    @property
    def withstands_curious(self) -> int:
        """Sites that may pool what they know with a hub that follows the protocol."""
        return self.threshold - 1

    @property
    def withstands_lying(self) -> int:
        """Sites that may collude with a hub that shows different lists to different sites."""
        return 2 * self.threshold - len(self.roster) - 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """How a word lies in memory and on the wire: unsigned, little-endian."""
        return np.dtype(f"<u{self.bits // 8}")

    @property
    def binding(self) -> bytes:
        """SHA-256 over every attribute, 32 bytes; words of 64 bits leave no trace in it."""
        narrow: dict[str, Json] = {} if self.bits == WIDEST else {"bits": self.bits}
        return bytes.fromhex(
            canonical_hash(
                {
                    "study": self.study,
                    "round": self.round_no,
                    "task": self.task,
                    "schema": self.schema,
                    "roster": [list(site) for site in self.roster],
                    "size": self.size,
                    **narrow,
                }
            )
        )

    def point(self, name: str) -> int:
        """Return the place of `name` in the roster, from 1."""
        return self.names.index(name) + 1

    def statement(self, what: str, *fields: Json) -> bytes:
        """Return the bytes that are signed to say `what` in this round and no other."""
        return canonical_bytes(["modelward/masks/1", what, self.binding.hex(), *fields])

    def verify(self, name: str, signature: bytes, statement: bytes) -> None:
        """Return if `name` is of the roster and signed `statement`.

        Raises:
            MaskingFailed: If not.
        """
        pinned = dict(self.roster).get(name)
        if pinned is None:
            raise MaskingFailed(
                f"{name!r} is not in the roster of this round",
                why="only sites whose keys the approvals pinned take part in a masked sum",
                remedy="compare the roster's fingerprint with another site's",
            )
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(pinned)).verify(
                signature, statement
            )
        except InvalidSignature as error:
            raise MaskingFailed(
                f"what came as said by {name} is not signed by the key pinned for it",
                why="whoever swaps a mask key or a list could take a site's mask off",
                remedy="stop the round, and find out with the site who changed the message",
            ) from error

    def require_enough(self, names: Iterable[str], phase: str) -> None:
        """Return if enough sites are left to go on.

        Raises:
            MaskingFailed: If fewer than the threshold, or than 3, are.
        """
        left = len(set(names))
        if left < max(SMALLEST, self.threshold):
            raise MaskingFailed(
                f"{left} of {len(self.roster)} sites are left after {phase!r}",
                why=f"masks come off only with {max(SMALLEST, self.threshold)} sites",
                remedy="repeat the round when more sites can be reached",
            )
