"""Who is in the network: introductions that people compared, and nothing else.

There is no authority. An institution introduces itself with a signed file (its name, the key
it signs with, the key that seals for it); whoever admits it compares the fingerprint by voice
first. Only admitted institutions are read, sealed for, or counted, one voice each.

    exchange/introduction.json     our own, to send to the others
    exchange/members/NAME.json     theirs, as they sent it
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import ValidationError

from modelward import durable
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.terms import Name, Part
from modelward.errors import BadArtifact, NotAdmitted
from modelward.exchange.documents.card import Hash, Signature, Stamp

PREFIX = b"modelward-introduction/1\n"

SPOKEN = 32
"""Hex digits that are compared by voice: 128 bits."""


class Introduction(Part):
    """An institution says who it is."""

    format: Literal["modelward-introduction/1"] = "modelward-introduction/1"
    name: Name
    signing: Hash
    sealing: Hash
    made: Stamp
    signature: Signature = ""

    @property
    def spoken(self) -> str:
        """Fingerprint of name and keys, in groups of four hex digits."""
        keys = f"{self.name}\n{self.signing}\n{self.sealing}\n".encode()
        text = sha256(PREFIX + keys).hexdigest()[:SPOKEN]
        return " ".join(text[start : start + 4] for start in range(0, SPOKEN, 4))

    def to_bytes(self) -> bytes:
        """Return the canonical JSON."""
        return canonical_bytes(self.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Member:
    """An admitted institution.

    Attributes:
        name: As it signs.
        signing: The key that its letters and cards are signed with.
        sealing: The key that seals what only it may read.
    """

    name: str
    signing: Ed25519PublicKey
    sealing: X25519PublicKey


def introduce(
    name: str, signing: Ed25519PrivateKey, sealing: X25519PrivateKey, made: str
) -> Introduction:
    """Return a signed introduction.

    Raises:
        NotAdmitted: If no institution can go by that name.
    """
    try:
        said = Introduction(
            name=name,
            signing=signing.public_key().public_bytes_raw().hex(),
            sealing=sealing.public_key().public_bytes_raw().hex(),
            made=made,
        )
    except ValidationError as error:
        raise NotAdmitted(
            f"{name[:40]!r} is no name of an institution",
            why="names are parts of addresses: lower case, digits, - and _, a letter first",
            remedy="choose such a name, at most 63 characters long",
        ) from error
    return said.model_copy(update={"signature": signing.sign(_signed(said)).hex()})


def read(raw: bytes) -> Introduction:
    """Return a checked introduction.

    Raises:
        NotAdmitted: If the bytes are not one, or not signed with the key in it.
    """
    try:
        table = parse_strict(raw, what="introduction")
        said = Introduction.model_validate_json(canonical_bytes(table), strict=True)
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said.signing))
        key.verify(bytes.fromhex(said.signature), _signed(said))
    except (BadArtifact, ValidationError, InvalidSignature, ValueError) as error:
        found = str(error) or "its signature does not fit"
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            found = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise NotAdmitted(
            f"this is no introduction: {found[:160]}",
            why="an institution is known by keys that it proves to hold",
            remedy="ask for introduction.json again, unchanged",
        ) from error
    return said


def admit(folder: Path, said: Introduction, spoken: str) -> None:
    """Keep an introduction whose fingerprint was compared by voice.

    Raises:
        NotAdmitted: If the fingerprint is another, or name or key are taken.
    """
    require_right(folder, said, spoken)
    durable.make_folder(folder)
    durable.write_whole(folder / f"{said.name}.json", said.to_bytes())


def require_right(folder: Path, said: Introduction, spoken: str) -> None:
    """Raise NotAdmitted unless the fingerprint is right, and name and key are not taken."""
    if spoken.split() != said.spoken.split():
        raise NotAdmitted(
            f"the fingerprint of {said.name} is {said.spoken}, not what was compared",
            why="whoever carries the file could have put in keys of its own",
            remedy="call the institution and read the fingerprint to each other",
        )
    path = folder / f"{said.name}.json"
    if path.exists() and (known := read(path.read_bytes())).spoken != said.spoken:
        raise NotAdmitted(
            f"{said.name} is admitted with other keys, {known.spoken}",
            why="a name that changes its keys without anybody noticing is a stranger",
            remedy="if it is right: modelward exchange dismiss, then admit again",
        )
    known_keys = {name: each.signing for name, each in members(folder).items()}
    for name, key in known_keys.items():
        if name != said.name and key.public_bytes_raw().hex() == said.signing:
            raise NotAdmitted(
                f"{said.name} signs with the key of {name}",
                why="each institution has one voice, whatever names it goes by",
                remedy=f"keep {name}, or dismiss it first",
            )


def members(folder: Path) -> dict[str, Member]:
    """Return every admitted institution, by name."""
    found = (read(path.read_bytes()) for path in sorted(folder.glob("*.json")))
    return {
        said.name: Member(
            said.name,
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(said.signing)),
            X25519PublicKey.from_public_bytes(bytes.fromhex(said.sealing)),
        )
        for said in found
    }


def _signed(said: Introduction) -> bytes:
    fields = said.model_dump(mode="json")
    fields.pop("signature", None)
    return PREFIX + canonical_bytes(fields)
