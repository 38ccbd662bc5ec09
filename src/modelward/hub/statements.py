"""Statements of readiness at the hub: what sites have said of their data before a study begins.

    HUB/readiness/STUDY/SITE.json    the last statement of a site: its card and its bundle

A statement comes from a site of its own accord, signed as every artifact is; no task asks for
it. It is kept apart from rounds, because no model depends on it. What it says of a study is
read here again each time, so a file that was changed is refused.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward import durable
from modelward.artifact import bundle, card
from modelward.artifact.envelope import Envelope
from modelward.core.artifact import Artifact
from modelward.core.canonical import Json, canonical_bytes, parse_strict
from modelward.core.study import Study
from modelward.core.tensors import Schema
from modelward.errors import BadArtifact, MessageRefused
from modelward.study.agreement import Agreement
from modelward.study.readiness import Statement, schema

FOLDER = "readiness"


def body_of(artifact: Artifact) -> dict[str, Json]:
    """Return a statement as the body of a message."""
    tensors = artifact.tensors
    raw = b"".join(bytes(part) for part in bundle.encode(tensors, Schema.from_tensors(tensors)))
    return {"card": card.fields(artifact.card), "bundle": b64encode(raw).decode()}


def take(
    folder: Path, agreement: Agreement, envelope: Envelope, key: Ed25519PublicKey
) -> Statement:
    """Keep the statement in `envelope`; an earlier one than what is kept changes nothing.

    Args:
        folder: The hub's folder.
        agreement: What was proposed.
        envelope: The message, read by `unseal` with the keys of admitted sites.
        key: The sender's signing key.

    Raises:
        MessageRefused: If it is no statement of its sender about this study.
    """
    site = envelope.sender
    if site not in agreement.roster:
        raise _refuse(f"{site} is not on the roster")
    number, found = _read(agreement.study, site, envelope.body, key)
    path = _path(folder, agreement.study, site)
    if not path.exists() or number >= _number(path.read_bytes()):
        durable.make_folder(path.parent)
        durable.write_whole(path, canonical_bytes(dict(envelope.body)))
    return found


def taken(
    folder: Path, study: Study, keys: Mapping[str, Ed25519PublicKey]
) -> dict[str, Statement]:
    """Return site -> last statement about `study`, of those of `keys` that have made one.

    Raises:
        MessageRefused: If a file is not what a site has signed.
    """
    found = {}
    for site in sorted(keys):
        path = _path(folder, study, site)
        if path.exists():
            body = _table(path.read_bytes())
            found[site] = _read(study, site, body, keys[site])[1]
    return found


def _read(
    study: Study, site: str, body: Mapping[str, Any], key: Ed25519PublicKey
) -> tuple[int, Statement]:
    """Return which check it is, and the statement."""
    if set(body) != {"card", "bundle"} or not isinstance(body["bundle"], str):
        raise _refuse("it does not hold a card and a bundle, and nothing else")
    try:
        signed = card.from_json(canonical_bytes(body["card"]))
        card.verify(signed, key)
        raw = b64decode(body["bundle"], validate=True)
        tensors = bundle.parse(raw, schema(study))
    except (BadArtifact, NotBase64, ValueError) as error:
        raise _refuse(getattr(error, "what", "its bundle is not Base64")) from error
    about = (signed.kind, signed.study, signed.site, signed.sha256)
    if about != ("statistics", study.sha256, site, sha256(raw).hexdigest()):
        raise _refuse("its card is about something else")
    return signed.round_no, Statement.read(study, tensors)


def _number(raw: bytes) -> int:
    return int(_table(raw)["card"]["round_no"])


def _table(raw: bytes) -> dict[str, Any]:
    try:
        return dict(parse_strict(raw, what="statement"))
    except (BadArtifact, TypeError, ValueError) as error:
        raise _refuse("it is no table") from error


def _path(folder: Path, study: Study, site: str) -> Path:
    return folder / FOLDER / study.sha256 / f"{site}.json"


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a statement of readiness is refused: {found}",
        why="what a site says of its data is signed by it, and about one study",
        remedy="have the site check and tell again: modelward site check SITE STUDY --tell",
    )
