"""What a person decided about a study, signed with that person's own key.

A site's word about a study is a named person's: approved, declined, or withdrawn. The
decision binds the study's hash, the roster's fingerprint, the site, and its place among the
site's decisions about that study, so an old approval cannot be put in again after it was
withdrawn. It is signed with Ed25519 over canonical JSON behind a prefix of its own, travels
inside a message of the site (envelope.py), and lies in the site's ledger by its hash.

docs/formats/approval.md has an example.
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

Word = Literal["approved", "declined", "withdrawn"]

MESSAGE: Mapping[Word, Literal["approval", "decline", "withdrawal"]] = {
    "approved": "approval",
    "declined": "decline",
    "withdrawn": "withdrawal",
}
"""The kind of message that each decision travels in."""

FORMAT = "modelward-decision/1"
PREFIX = b"modelward-decision/1\n"

_PATTERNS = {
    "study": r"[0-9a-f]{64}",
    "roster": r"[0-9a-f]{64}",
    "site": r"[a-z][a-z0-9_-]{0,62}",
    "person": r"[^\x00-\x1f\x7f]{1,80}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "public": r"[0-9a-f]{64}",
    "signature": r"([0-9a-f]{128})?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision of one person.

    Attributes:
        word: What was decided.
        study: SHA-256 of the study.
        roster: Fingerprint of the roster, see study/agreement.py.
        site: The site that the person speaks for.
        number: Place among the site's decisions about this study, from 1.
        person: The person's name, as the site's policy spells it.
        time: When, RFC 3339, UTC.
        public: The person's raw Ed25519 public key, hex.
        signature: Over all other fields, hex; "" if unsigned.

    Raises:
        MessageRefused: If a field is not of this form.
    """

    word: Word
    study: str
    roster: str
    site: str
    number: int
    person: str
    time: str
    public: str = "0" * 64
    signature: str = ""

    def __post_init__(self) -> None:
        for name, pattern in _PATTERNS.items():
            if not re.fullmatch(pattern, getattr(self, name)):
                raise _refuse(f"its {name} is malformed")
        if self.word not in MESSAGE or self.number < 1:
            raise _refuse("its word or number is malformed")

    @property
    def key(self) -> str:
        """Fingerprint of the person's key: what a policy lists."""
        return fingerprint(Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public)))

    def body(self) -> dict[str, Json]:
        """Return the decision as the body of a message and the content of a file."""
        return {"format": FORMAT, **asdict(self)}

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON of the body: what the ledger records."""
        return canonical_hash(self.body())


_decisions = TypeAdapter(Decision)


def sign(decision: Decision, key: Ed25519PrivateKey) -> Decision:
    """Return `decision` with the person's key and signature."""
    named = replace(decision, public=key.public_key().public_bytes_raw().hex(), signature="")
    return replace(named, signature=key.sign(_signed_bytes(named)).hex())


def read(body: Mapping[str, Any]) -> Decision:
    """Return the decision in `body`, whose signature fits the key that it names.

    Whether that key may decide for the site is for the caller to say.

    Raises:
        MessageRefused: If it is malformed or its signature does not verify.
    """
    fields = dict(body)
    if fields.pop("format", None) != FORMAT or set(fields) != set(
        Decision.__dataclass_fields__
    ):
        raise _refuse(f"it is not a {FORMAT} with exactly its fields")
    try:
        decision = _decisions.validate_json(canonical_bytes(fields), strict=True)
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(decision.public))
        public.verify(
            bytes.fromhex(decision.signature), _signed_bytes(replace(decision, signature=""))
        )
    except ValidationError as error:
        raise _refuse(error.errors()[0]["msg"]) from error
    except (InvalidSignature, ValueError) as error:
        raise _refuse("its signature does not match its content") from error
    return decision


def _signed_bytes(decision: Decision) -> bytes:
    body = decision.body()
    del body["signature"]
    return PREFIX + canonical_bytes(body)


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a decision about a study is refused: {found}",
        why="only what a named person signed, about this study and these sites, is a decision",
        remedy="decide again at the site: modelward site approve STUDY",
    )
