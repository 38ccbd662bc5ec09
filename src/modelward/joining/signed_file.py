"""A joining file: canonical JSON with a format line, and a signature over the rest.

Either kind is read strictly, with all its faults at once, and refused if it is the other. What
the two say is files.py's business.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.faults import from_validation, lines
from modelward.errors import BadArtifact, NotAdmitted

KeyHex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SignatureHex = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]
ADDRESS = r"^(tls|wss)://[A-Za-z0-9.:\[\]-]+:[0-9]{1,5}$"
Address = Annotated[str, Field(pattern=ADDRESS)]
Stamp = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
Pem = Annotated[str, Field(pattern=r"^-----BEGIN [A-Z ]+-----\n", max_length=8192)]


class SignedFile(BaseModel):
    """Strict, frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @classmethod
    def read(cls, raw: bytes, *, file: str) -> Self:
        """Parse the bytes of a joining file; signatures are `opened_by`'s business.

        Raises:
            NotAdmitted: With every fault of the file, not only the first.
        """
        try:
            fields = parse_strict(raw, what="joining file")
            _require_kind(fields, cls.__name__.lower(), file)
            found = cls.model_validate(fields)
        except BadArtifact as error:
            raise refuse(f"{file}: {error.what}") from error
        except ValidationError as error:
            raise refuse(lines(file, from_validation(error, cls))) from error
        if found.to_bytes() != raw.rstrip(b"\n"):
            raise refuse(f"{file} is not in canonical form (RFC 8785)")
        return found

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return canonical_bytes(self.model_dump(mode="json"))

    def opened_by(self, key: Ed25519PublicKey) -> None:
        """Raise NotAdmitted unless the file was signed, as it stands, with `key`."""
        fields = self.model_dump(mode="json")
        try:
            key.verify(bytes.fromhex(fields["signature"]), _signed(fields))
        except InvalidSignature as error:
            raise refuse("the signature of the file does not match its content") from error


def _require_kind(fields: object, wanted: str, file: str) -> None:
    """Raise NotAdmitted if a file says that it is the other of the two."""
    said = fields.get("format") if isinstance(fields, dict) else None
    kind = str(said).removeprefix("modelward-").partition("/")[0]
    if kind != wanted and kind in _FROM:
        raise NotAdmitted(
            f"{file} is a {kind}, and a {wanted} is needed here",
            why=f"a {wanted} comes from {_FROM[wanted]}",
            remedy=f"take the file that {_FROM[wanted]} made for this",
        )


_FROM = {"request": "the site", "membership": "the hub"}


def sealed(fields: Mapping[str, Any], key: Ed25519PrivateKey) -> bytes:
    """Return the bytes of a file with these fields, signed with `key`."""
    return canonical_bytes({**fields, "signature": key.sign(_signed(fields)).hex()})


def _signed(fields: Mapping[str, Any]) -> bytes:
    unsigned = {name: value for name, value in fields.items() if name != "signature"}
    return f"{fields['format']}\n".encode() + canonical_bytes(unsigned)


def refuse(found: str) -> NotAdmitted:
    """Return the error for a file that does not count."""
    return NotAdmitted(
        found,
        why="a joining file counts as its maker signed it, or not at all",
        remedy="ask for the file again by another channel, and compare fingerprints by voice",
    )
