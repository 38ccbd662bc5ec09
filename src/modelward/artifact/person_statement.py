"""What a named person signed: its form, its signature, and how it is read back.

One statement, one file: Ed25519 over canonical JSON behind a prefix of its own format, so a
signature under one kind of statement is worth nothing under another. decision.py and
review.py say what is stated.
"""

import re
from collections.abc import Mapping
from dataclasses import Field, asdict, fields, replace
from typing import Any, ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from pydantic import TypeAdapter, ValidationError

from modelward.artifact.card import fingerprint
from modelward.core.canonical import Json, canonical_bytes, canonical_hash
from modelward.errors import MessageRefused

HASH = r"[0-9a-f]{64}"

PATTERNS = {
    "site": r"[a-z][a-z0-9_-]{0,62}",
    "person": r"[^\x00-\x1f\x7f]{1,80}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z",
    "public": HASH,
    "signature": r"([0-9a-f]{128})?",
}
"""Of the fields that every statement has."""


class PersonSigned:
    """A frozen dataclass with the fields of `PATTERNS`, and with its own.

    Attributes:
        FORMAT: Name and version of the format; the prefix of what is signed.
        OWN: Patterns of the statement's own fields.
        SAYS: What it is, and why and how to do it again, for the error of a bad one.
        public: The person's raw Ed25519 public key, hex.
        signature: Over all other fields, hex; "" if unsigned.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    FORMAT: ClassVar[str]
    OWN: ClassVar[Mapping[str, str]]
    SAYS: ClassVar[tuple[str, str, str]]
    public: str
    signature: str

    def __post_init__(self) -> None:
        for name, pattern in {**self.OWN, **PATTERNS}.items():
            if not re.fullmatch(pattern, getattr(self, name)):
                raise self.refused(f"its {name} is malformed")

    @property
    def key(self) -> str:
        """Fingerprint of the person's key: what a policy lists."""
        return fingerprint(Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.public)))

    def body(self) -> dict[str, Json]:
        """Return the statement as the content of a file or the body of a message."""
        return {"format": self.FORMAT, **asdict(self)}

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON of the body: what the ledger records."""
        return canonical_hash(self.body())

    def signed(self, key: Ed25519PrivateKey) -> Self:
        """Return the statement with the person's key and signature."""
        named = replace(self, public=key.public_key().public_bytes_raw().hex(), signature="")
        return replace(named, signature=key.sign(named._signed_bytes()).hex())

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Return the statement in `body`, whose signature fits the key that it names.

        Whether that key may decide for the site is for the caller to say.

        Raises:
            MessageRefused: If it is malformed or its signature does not verify.
        """
        said = dict(body)
        names = {field.name for field in fields(cls)}
        if said.pop("format", None) != cls.FORMAT or set(said) != names:
            raise cls.refused(f"it is not a {cls.FORMAT} with exactly its fields")
        try:
            found = TypeAdapter(cls).validate_json(canonical_bytes(said), strict=True)
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.public))
            public.verify(bytes.fromhex(found.signature), found._signed_bytes())
        except ValidationError as error:
            raise cls.refused(error.errors()[0]["msg"]) from error
        except (InvalidSignature, ValueError) as error:
            raise cls.refused("its signature does not match its content") from error
        return found

    @classmethod
    def refused(cls, found: str) -> MessageRefused:
        """Return the error for a statement of which `found` is true."""
        what, why, remedy = cls.SAYS
        return MessageRefused(f"{what} is refused: {found}", why=why, remedy=remedy)

    def _signed_bytes(self) -> bytes:
        body = self.body()
        del body["signature"]
        return f"{self.FORMAT}\n".encode() + canonical_bytes(body)
