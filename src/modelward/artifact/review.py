"""What a person decided about an artifact that is held, signed with that person's own key.

A review binds one task and the one card that waits for it, and with the card the bytes, the
headcount and the privacy event: nothing else can leave in its name, and it says nothing
about any other task. It is signed with Ed25519 over canonical JSON behind a prefix of its
own and never leaves the site; the ledger has its hash.

What a person decides about a whole study is decision.py's. docs/formats/approval.md has an
example of both.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from pydantic import TypeAdapter, ValidationError

from modelward.artifact.card import fingerprint
from modelward.core.canonical import Json, canonical_bytes, canonical_hash
from modelward.errors import MessageRefused

Ruling = Literal["released", "refused"]

FORMAT = "modelward-review/1"
PREFIX = b"modelward-review/1\n"

_PATTERNS = {
    "task": r"[0-9a-f]{64}",
    "card": r"[0-9a-f]{64}",
    "site": r"[a-z][a-z0-9_-]{0,62}",
    "person": r"[^\x00-\x1f\x7f]{1,80}",
    "reason": r"[^\x00-\x1f\x7f]{0,400}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "public": r"[0-9a-f]{64}",
    "signature": r"([0-9a-f]{128})?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One decision of one person about one artifact.

    Attributes:
        word: What was decided.
        task: Id of the task that the artifact answers.
        card: SHA-256 of its card, unsigned (gate/hold.py).
        site: The site that the person speaks for.
        person: The person's name, as the site's policy spells it.
        time: When, RFC 3339, UTC.
        reason: Why, in the person's words; may be empty. Stays at the site.
        public: The person's raw Ed25519 public key, hex.
        signature: Over all other fields, hex; "" if unsigned.

    Raises:
        MessageRefused: If a field is not of this form.
    """

    word: Ruling
    task: str
    card: str
    site: str
    person: str
    time: str
    reason: str = ""
    public: str = "0" * 64
    signature: str = ""

    def __post_init__(self) -> None:
        for name, pattern in _PATTERNS.items():
            if not re.fullmatch(pattern, getattr(self, name)):
                raise _refuse(f"its {name} is malformed")

    @property
    def key(self) -> str:
        """Fingerprint of the person's key: what a policy lists."""
        return fingerprint(Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public)))

    def body(self) -> dict[str, Json]:
        """Return the review as the content of a file."""
        return {"format": FORMAT, **asdict(self)}

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON of the body: what the ledger records."""
        return canonical_hash(self.body())


_reviews = TypeAdapter(Review)


def sign(review: Review, key: Ed25519PrivateKey) -> Review:
    """Return `review` with the person's key and signature."""
    named = replace(review, public=key.public_key().public_bytes_raw().hex(), signature="")
    return replace(named, signature=key.sign(_signed_bytes(named)).hex())


def read(body: Mapping[str, Any]) -> Review:
    """Return the review in `body`, whose signature fits the key that it names.

    Whether that key may decide for the site is for the caller to say.

    Raises:
        MessageRefused: If it is malformed or its signature does not verify.
    """
    fields = dict(body)
    if fields.pop("format", None) != FORMAT or set(fields) != set(Review.__dataclass_fields__):
        raise _refuse(f"it is not a {FORMAT} with exactly its fields")
    try:
        review = _reviews.validate_json(canonical_bytes(fields), strict=True)
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(review.public))
        public.verify(
            bytes.fromhex(review.signature), _signed_bytes(replace(review, signature=""))
        )
    except ValidationError as error:
        raise _refuse(error.errors()[0]["msg"]) from error
    except (InvalidSignature, ValueError) as error:
        raise _refuse("its signature does not match its content") from error
    return review


def _signed_bytes(review: Review) -> bytes:
    body = review.body()
    del body["signature"]
    return PREFIX + canonical_bytes(body)


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a review is refused: {found}",
        why="only what a named person signed, about this very artifact, is a review",
        remedy="decide again at the site: modelward site release, or modelward site refuse",
    )
