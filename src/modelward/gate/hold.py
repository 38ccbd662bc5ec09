"""What waits at the door until a person has decided: kept whole, and sent to nobody.

    SITE/held/TASK/held.json             card (unsigned), findings, and who may decide
    SITE/held/TASK/SHA256.safetensors    the very bytes that leave, if they do

An offer is held after every rule has passed, and noise was drawn before that: what leaves
later is what was looked at, and nobody's data are touched twice. The ledger entry `hold`
has the hash of the card, so that what lies here cannot be exchanged while it waits. door.py
decides what is held and what becomes of it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from modelward import durable
from modelward.artifact import card as cards
from modelward.artifact.store import Store
from modelward.core.artifact import ArtifactKind, Card
from modelward.core.canonical import canonical_bytes, canonical_hash, parse_strict
from modelward.core.tensors import Schema
from modelward.core.verdict import Finding
from modelward.errors import BadArtifact, HeldForReview, StorageError

FORMAT = "modelward-held/1"


@dataclass(frozen=True, slots=True)
class Held:
    """One offer that waits.

    Attributes:
        card: What it is; signed only when it leaves.
        findings: Why it waits.
        awaits: Who may decide, by name.
    """

    card: Card
    findings: tuple[Finding, ...]
    awaits: str

    @property
    def sha256(self) -> str:
        """SHA-256 of the card, unsigned: what a review and the ledger name."""
        return card_hash(self.card)


class Holding:
    """The folder of what waits.

    Args:
        folder: Created when something is held.
        kinds: Kinds that wait (the policy's).
        awaits: Who may decide, by name; "" where nothing is held.
    """

    def __init__(self, folder: Path, kinds: frozenset[ArtifactKind], awaits: str) -> None:
        self._folder, self.kinds, self.awaits = folder, kinds, awaits

    def put(self, card: Card, tensors: Mapping[str, NDArray[Any]], schema: Schema) -> Held:
        """Keep what `card` describes, on disk, until a person has decided.

        Raises:
            StorageError: If it cannot be written.
        """
        findings = (
            Finding(
                rule="hold",
                says=f"the policy has every artifact of the kind {card.kind} reviewed",
                remedy=f"modelward site release or refuse SITE {card.task[:12]}",
            ),
        )
        held = Held(card, findings, self.awaits)
        Store(self._folder / card.task).put(tensors, schema)
        said = {
            "format": FORMAT,
            "card": json.loads(cards.to_json(card)),
            "findings": [asdict(finding) for finding in findings],
            "awaits": self.awaits,
        }
        durable.write_whole(self._path(card.task), canonical_bytes(said), mode=0o640)
        return held

    def read(self, task: str) -> Held:
        """Return what waits to answer the task with this id.

        Raises:
            StorageError: If it is not there, or is damaged.
        """
        path = self._path(task)
        try:
            said = parse_strict(path.read_bytes(), what="held artifact")
            return Held(
                cards.from_json(canonical_bytes(said["card"])),
                tuple(Finding(**each) for each in said["findings"]),
                said["awaits"],
            )
        except (OSError, BadArtifact, ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{path} cannot be read as something held",
                why="what is to leave must be what was judged",
                remedy="restore the folder from a backup, or refuse the artifact",
            ) from error

    def all(self) -> list[Held]:
        """Return everything that was held, by study and round; see `waits`."""
        found = [self.read(path.parent.name) for path in self._folder.glob("*/held.json")]
        return sorted(found, key=lambda held: (held.card.study, held.card.round_no))

    def waits(self, held: Held) -> bool:
        """Return whether the bytes are still here: nobody has acted on a decision."""
        return self._store(held).path(held.card.sha256).exists()

    def tensors(self, held: Held, schema: Schema) -> dict[str, NDArray[Any]]:
        """Return the values that wait.

        Raises:
            StorageError: If the file is missing or has another hash.
            BadArtifact: If it is not the canonical bundle of `schema`.
        """
        return self._store(held).tensors(held.card.sha256, schema)

    def drop(self, held: Held) -> None:
        """Remove the bytes; card and findings stay for who wants to know what was decided."""
        self._store(held).path(held.card.sha256).unlink(missing_ok=True)

    def _store(self, held: Held) -> Store:
        return Store.reading(self._folder / held.card.task)

    def _path(self, task: str) -> Path:
        return self._folder / task / "held.json"


def card_hash(card: Card) -> str:
    """Return the SHA-256 of the canonical JSON of a card that is not signed yet."""
    return canonical_hash(json.loads(cards.to_json(card)))


def waiting(site: str, task: str, awaits: str) -> HeldForReview:
    """Return what says that a task has no answer before a person has decided."""
    return HeldForReview(
        f"{site} holds its answer to task {task[:12]}… until {awaits} decides",
        why="the site's policy has this kind of artifact reviewed before it leaves",
        remedy="list what waits with: modelward site holds SITE",
    )
