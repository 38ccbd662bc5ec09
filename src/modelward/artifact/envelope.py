"""Signed messages between hub and sites: `seal` writes one, `unseal` reads one or refuses.

A message is one canonical JSON object (RFC 8785), signed with Ed25519 (RFC 8032) behind a
fixed prefix. It names its study, round, sender and sequence and says when it expires, so
that a message which is altered, late, or taken from another study, round or sender is
refused whatever wire it came over. docs/formats/message.md has the rules and an example.

Pure: keys and time are arguments. What a kind's body holds is for its reader: proposals,
approvals and withdrawals in site/approving/approvals.py and hub/consent.py, tasks in
site/entering/intake.py, transcripts in hub/transcript.py. How bytes travel is the engines'
business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from modelward.artifact.card import fingerprint
from modelward.core.canonical import Json, canonical_bytes, parse_strict
from modelward.core.clock import stamp
from modelward.errors import BadArtifact, MessageRefused

Kind = Literal[
    "proposal",
    "approval",
    "decline",
    "withdrawal",
    "task",
    "answer",
    "transcript",
    "witness",
    "readiness",
]
"""What a message can be."""

FORMAT = "modelward-message/1"
PREFIX = b"modelward-message/1\n"

MAX_BYTES = 1024 * 1024
"""Longest message that is read; what is larger travels as an artifact, named by its hash."""

SKEW = timedelta(minutes=5)
"""How far ahead of ours the sender's clock may be."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_FIELDS = frozenset(
    ("format", "kind", "study", "round", "sender", "sequence", "issued", "expires", "body",
     "key", "signature")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a message says, without its signature.

    Attributes:
        kind: What it is.
        study: SHA-256 of the study it belongs to.
        round_no: Round it belongs to, from 1; 0 for what is not part of a round.
        sender: Who speaks: a site's registered name, or `hub`.
        sequence: Counted up by the sender within a study, from 1.
        issued: When it was made; cut to whole seconds.
        expires: When it stops being valid, after `issued`; cut to whole seconds.
        body: What the kind asks for.

    Raises:
        MessageRefused: If a field is not of this form.
    """

    kind: Kind
    study: str
    round_no: int
    sender: str
    sequence: int
    issued: datetime
    expires: datetime
    body: Mapping[str, Json]

    def __post_init__(self) -> None:
        faults = {
            "kind is none of " + ", ".join(get_args(Kind)): self.kind not in get_args(Kind),
            "study is not a SHA-256": not _matches(_DIGEST, self.study),
            "round is not a whole number from 0 on": not _counts(self.round_no, 0),
            "sender is not a name": not _matches(_NAME, self.sender),
            "sequence is not a whole number from 1 on": not _counts(self.sequence, 1),
            "body is not a table": not isinstance(self.body, Mapping),
        }
        for what, wrong in faults.items():
            if wrong:
                raise _refuse(what)
        if self.issued.tzinfo is None or self.expires.tzinfo is None:
            raise _refuse("a time has no time zone")
        for name in ("issued", "expires"):
            whole = getattr(self, name).astimezone(UTC).replace(microsecond=0)
            object.__setattr__(self, name, whole)  # frozen: this is how a field is set once
        if self.expires <= self.issued:
            raise _refuse("it expires before it was made")


def seal(envelope: Envelope, key: Ed25519PrivateKey) -> bytes:
    """Return the signed bytes of `envelope`; the same input always gives the same bytes.

    Raises:
        MessageRefused: If it would be longer than `MAX_BYTES`.
        BadArtifact: If the body has no canonical form.
    """
    fields = {**_fields(envelope), "key": fingerprint(key.public_key())}
    signature = key.sign(PREFIX + canonical_bytes(fields)).hex()
    raw = canonical_bytes({**fields, "signature": signature})
    if len(raw) > MAX_BYTES:
        raise _refuse(f"it is {len(raw):,} bytes long, at most {MAX_BYTES:,} are read")
    return raw


def unseal(raw: bytes, keys: Mapping[str, Ed25519PublicKey], *, now: datetime) -> Envelope:
    """Return what `raw` says, if it is canonical, signed by its sender, and still valid.

    Args:
        raw: A message as it arrived.
        keys: Sender -> the key it was admitted with; nobody else is heard.
        now: The time, with a time zone.

    Raises:
        MessageRefused: If it is altered, malformed, expired, from the future, or from
            somebody who is not in `keys`.
    """
    fields = _table(raw)
    envelope = _envelope(fields)
    public = keys.get(envelope.sender)
    if public is None:
        raise _refuse(f"its sender {envelope.sender!r} is not known here")
    signature = fields.pop("signature")
    if fields["key"] != fingerprint(public):
        raise _refuse(f"{envelope.sender} signed with another key, {fields['key'][:16]}…")
    try:
        public.verify(bytes.fromhex(signature), PREFIX + canonical_bytes(fields))
    except InvalidSignature as error:
        raise _refuse(
            f"the signature of {envelope.sender} does not match its content"
        ) from error
    _check_time(envelope, now)
    return envelope


def digest(raw: bytes) -> str:
    """Return the SHA-256 of a message's bytes: what a receiver remembers it by."""
    return sha256(raw).hexdigest()


def repeats(
    raw: bytes, envelope: Envelope, seen: Mapping[int, str], *, forgotten: int = 0
) -> bool:
    """Return whether exactly these bytes were received before; False for a new message.

    A wire may deliver a message twice, and the second time is answered like the first. It may
    also deliver one behind later ones: what a killed receiver had in hand comes again only
    after a while. A sequence that comes back with other bytes is a replay, and so is one of
    which nobody can say any more whether it came before.

    Args:
        raw: The message as it arrived.
        envelope: The same, read by `unseal`.
        seen: Sequence -> `digest` of what this sender sent before within this study.
        forgotten: Sequences up to this one may have been seen and forgotten.

    Raises:
        MessageRefused: For a replay.
    """
    known = seen.get(envelope.sequence)
    if known == digest(raw):
        return True
    if known is not None:
        raise _refuse(
            f"{envelope.sender} sent sequence {envelope.sequence} before, with other content"
        )
    if envelope.sequence <= forgotten:
        raise _refuse(
            f"{envelope.sender} sent sequence {envelope.sequence} after sequence {max(seen)}"
        )
    return False


def _fields(envelope: Envelope) -> dict[str, Json]:
    return {
        "format": FORMAT,
        "kind": envelope.kind,
        "study": envelope.study,
        "round": envelope.round_no,
        "sender": envelope.sender,
        "sequence": envelope.sequence,
        "issued": stamp(envelope.issued),
        "expires": stamp(envelope.expires),
        "body": envelope.body,
    }


def _table(raw: bytes) -> dict[str, Any]:
    """Return the fields of `raw`, which must be the one spelling of exactly these fields."""
    if len(raw) > MAX_BYTES:
        raise _refuse(f"it is {len(raw):,} bytes long, at most {MAX_BYTES:,} are read")
    try:
        fields = parse_strict(raw, what="message")
        spelled = canonical_bytes(fields)
    except BadArtifact as error:
        raise _refuse(error.what) from error
    if spelled != raw:
        raise _refuse("it is not in canonical form (RFC 8785)")
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise _refuse(f"it does not say it is a {FORMAT}")
    odd = sorted(set(fields) ^ _FIELDS)
    if odd:
        raise _refuse(f"fields are missing or unknown: {', '.join(odd)[:80]}")
    if not _matches(_DIGEST, fields["key"]):
        raise _refuse("key is not a fingerprint")
    if not _matches(_SIGNATURE, fields["signature"]):
        raise _refuse("signature is not 64 bytes in hex")
    return fields


def _envelope(fields: Mapping[str, Any]) -> Envelope:
    return Envelope(
        kind=fields["kind"],
        study=fields["study"],
        round_no=fields["round"],
        sender=fields["sender"],
        sequence=fields["sequence"],
        issued=_time(fields["issued"]),
        expires=_time(fields["expires"]),
        body=fields["body"],
    )


def _check_time(envelope: Envelope, now: datetime) -> None:
    if now >= envelope.expires:
        raise _refuse(f"it expired at {stamp(envelope.expires)}, it is {stamp(now)} here")
    if envelope.issued > now + SKEW:
        raise MessageRefused(
            f"{envelope.sender} made it at {stamp(envelope.issued)}, it is {stamp(now)} here",
            why=f"clocks may differ by {SKEW.seconds // 60} minutes, or expiry means nothing",
            remedy="set the clock of whichever machine is wrong (such as with chrony)",
        )


def _time(text: object) -> datetime:
    if not _matches(_TIME, text):
        raise _refuse("a time is not of the form 2026-11-20T09:30:00Z")
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _refuse(f"{text} is not a time") from error


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _counts(value: object, low: int) -> bool:
    return type(value) is int and low <= value < 2**53


def _refuse(found: str) -> MessageRefused:
    return MessageRefused(
        f"a message is refused: {found}",
        why="a message counts only as its sender signed it, for one study and one round, once",
        remedy="have it sent again; if it happens again, compare clocks and key fingerprints",
    )
