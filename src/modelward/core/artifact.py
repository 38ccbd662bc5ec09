"""The only kind of thing that may leave a site: tensors with a card.

The card says what the tensors are and binds them by hash; it is signed by the site. How
both lie on disk is artifact/bundle.py's and artifact/card.py's business.
"""

from dataclasses import dataclass, field
from typing import Literal

from modelward.core.task import MaskPhase
from modelward.core.tensors import Tensors

ArtifactKind = Literal[
    "update", "metrics", "statistics", "model", "adapter", "predictions", "prototypes", "labels"
]
"""What may leave, as a policy lists it. The last four, and `model` from a site, belong to the
data-model network (exchange/)."""

CardKind = ArtifactKind | MaskPhase
"""What a card may be of: one of these, or an exchange that hides one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What an artifact is, bound to its bytes and signed.

    Attributes:
        kind: One of `CardKind`.
        study: SHA-256 of the study.
        round_no: Round it answers; 0 for statistics.
        task: Id of the task it answers; for an exported model, the study's hash.
        site: Who made it; `hub` for a combined model.
        schema: SHA-256 of the canonical JSON of names, types and shapes.
        sha256: SHA-256 of the bundle's bytes.
        nbytes: Length of the bundle in bytes.
        patients: Units (see the study's `unit`) that contributed, at least 1; 0 on a card
            of an exchange, where the number is behind the mask too, and on a statement of
            readiness that counts nobody; one that does has the lower end of a band.
        privacy: The privacy event, such as `{"mechanism": "none"}`.
        parent: SHA-256 of the model it was computed from, or None.
        key: SHA-256 of the signer's raw public key, hex.
        signature: Ed25519 over the canonical JSON of all other fields, hex; "" if unsigned.
    """

    kind: CardKind
    study: str
    round_no: int
    task: str
    site: str
    schema: str
    sha256: str
    nbytes: int
    patients: int
    privacy: dict[str, str | int | float] = field(default_factory=lambda: {"mechanism": "none"})
    parent: str | None = None
    key: str = ""
    signature: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Artifact:
    """Parsed tensors and their card.

    Attributes:
        card: What they are.
        tensors: Name to values; possibly read-only views of a mapped file.
    """

    card: Card
    tensors: Tensors
