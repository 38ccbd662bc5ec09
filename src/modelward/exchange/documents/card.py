"""The card of an artifact on offer: what it is, what it knows, and on what terms it is given.

A card is one canonical JSON object (RFC 8785), signed with Ed25519 behind a prefix of its own.
Its hash names the artifact everywhere in the exchange. It binds the bundle's bytes and the
release in the maker's ledger, states competence with counts in bands (bands.py) and with
intervals, and says what is *not* known. docs/formats/offer.md has an example; the JSON Schema
is `schema()`. The gate's own card of the same release is artifact/card.py's.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from pydantic import Field, ValidationError, model_validator

from modelward.artifact.card import fingerprint
from modelward.core.canonical import canonical_bytes, canonical_hash, parse_strict
from modelward.core.terms import Count, Name, Part
from modelward.errors import BadArtifact
from modelward.exchange.documents.bands import EDGES

PREFIX = b"modelward-offer/1\n"

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Signature = Annotated[str, Field(pattern=r"^([0-9a-f]{128})?$")]
Stamp = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Word = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Edge = Annotated[int, Field(ge=0)]

Kind = Literal["model", "adapter", "predictions", "prototypes", "labels"]
"""What may be on offer."""


class Made(Part):
    """`made`: with what an artifact was made."""

    family: Word = Field(description="Model family and options, such as mlp-64.")
    version: Count = Field(default=1, description="Of the family.")
    inputs: tuple[Count, ...] = Field(description="Extents of one example.")


class Judged(Part):
    """Recall of one class on the maker's own validation."""

    label: Word
    recall: Share
    low: Share
    high: Share


class Group(Part):
    """How many of a subgroup were seen."""

    name: Word = Field(description="Such as sex or age.")
    value: Word = Field(description="Such as female or 65-.")
    units: Edge = Field(description="Lower edge of the band.")


class Competence(Part):
    """`competence`: what the maker's patients could teach, and what they could not."""

    labels: tuple[Word, ...] = Field(min_length=2, description="The label space, in order.")
    units: tuple[Edge, ...] = Field(description="Training units of each class, in bands.")
    validation: tuple[Judged, ...] = Field(default=(), description="Own validation.")
    groups: tuple[Group, ...] = Field(default=(), description="Subgroups seen.")
    equipment: tuple[Word, ...] = Field(default=(), description="Such as scanner makes.")
    period: tuple[Stamp, Stamp] | None = Field(default=None, description="From, to.")
    lacks: tuple[Word, ...] = Field(default=(), description="What is missing, in words.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.units) != len(self.labels) or len(set(self.labels)) != len(self.labels):
            raise ValueError("units must name each label once")
        if not {*self.units, *(each.units for each in self.groups)} <= set(EDGES):
            raise ValueError("counts are lower edges of bands")
        return self


class Terms(Part):
    """`terms`: for what, for whom and until when."""

    purposes: tuple[Word, ...] = Field(min_length=1, description="What it may be used for.")
    recipients: tuple[Name, ...] = Field(default=(), description="All admitted ones if empty.")
    expires: Stamp = Field(description="No pull and no use from then on.")
    redistribution: bool = Field(default=False, description="May be passed on.")


class OfferCard(Part):
    """A whole card.

    `base` names the artifact that training started from, `lineage` every card whose content
    went into this one (teachers, members of a soup): a revocation marks all descendants.
    """

    format: Literal["modelward-offer/1"] = "modelward-offer/1"
    kind: Kind
    site: Name
    version: Count = Field(description="Counted up by the site with every offer of a series.")
    series: Name = Field(default="main", description="What the version counts within.")
    question: Hash = Field(description="What the institutions agreed to answer.")
    made: Made
    sha256: Hash = Field(description="Of the bundle.")
    nbytes: Count = Field(description="Length of the bundle.")
    release: Hash = Field(description="The entry in the maker's ledger: its task.")
    base: Hash | None = Field(default=None, description="Bundle that training started from.")
    lineage: tuple[Hash, ...] = Field(default=(), description="Cards that went into it.")
    competence: Competence
    privacy: dict[str, str | int | float] = Field(description="The privacy event.")
    leakage: dict[str, str | int | float] = Field(
        default_factory=dict, description="What leakage tests found; empty: not tested."
    )
    terms: Terms
    issued: Stamp
    key: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    signature: Signature = ""

    @property
    def sha(self) -> str:
        """Hash of the whole signed card: its name."""
        return canonical_hash(self.model_dump(mode="json"))

    @property
    def expires(self) -> datetime:
        """From when on it may not be used."""
        return datetime.fromisoformat(self.terms.expires)

    def known(self, labels: tuple[str, ...]) -> bool:
        """Return whether its label space is `labels`."""
        return self.competence.labels == labels


def to_json(card: OfferCard) -> bytes:
    """Return the canonical JSON."""
    return canonical_bytes(card.model_dump(mode="json"))


def from_table(table: object) -> OfferCard:
    """Return the card in parsed JSON; the signature is `verify`'s business.

    Raises:
        BadArtifact: If it is not a card.
    """
    return from_json(canonical_bytes(table))  # type: ignore[arg-type]  # refused if no JSON


def from_json(raw: bytes) -> OfferCard:
    """Parse a card strictly; the signature is `verify`'s business.

    Raises:
        BadArtifact: If the bytes are not the canonical JSON of a card.
    """
    parse_strict(raw, what="card")
    try:
        card = OfferCard.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise _refuse(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]) from error
    if to_json(card) != raw:
        raise _refuse("it is not in canonical form, or spells out a default")
    return card


def sign(card: OfferCard, key: Ed25519PrivateKey) -> OfferCard:
    """Return `card` with the signer's key fingerprint and signature."""
    named = card.model_copy(update={"key": fingerprint(key.public_key()), "signature": ""})
    return named.model_copy(update={"signature": key.sign(_signed_bytes(named)).hex()})


def verify(card: OfferCard, public: Ed25519PublicKey) -> None:
    """Raise BadArtifact unless `card` was signed, as it stands, with the key of `public`."""
    if card.key != fingerprint(public):
        raise _refuse(f"{card.site} signed with another key, {card.key[:16]}…")
    try:
        public.verify(bytes.fromhex(card.signature), _signed_bytes(card))
    except (InvalidSignature, ValueError) as error:
        raise _refuse(f"the signature of {card.site} does not match its content") from error


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a card."""
    return OfferCard.model_json_schema()


def _signed_bytes(card: OfferCard) -> bytes:
    fields = card.model_dump(mode="json")
    del fields["signature"]
    return PREFIX + canonical_bytes(fields)


def _refuse(found: str) -> BadArtifact:
    return BadArtifact(
        f"not a valid offer card: {found}",
        why="a card binds an artifact to its maker, its bytes and its terms",
        remedy="ask the maker for the card again, and compare key fingerprints",
    )
