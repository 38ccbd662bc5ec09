"""Does the ledger say what the wire carried? Message by message, byte by byte. Pure.

    a release      signed by the site, its task, hash and length in one release entry
    a refusal      its task in a refusal, hold or intake entry; carries no artifact
    a statement    of readiness, like a release, with its artifact inside the message
    a piece        of an artifact whose hash and length are in a release entry
    control        anything else of a closed list of forms, counted, no room for more
    a duplicate    of a message before it, or sent again for the same entry; named
    a difference   everything else: carried and not recorded, or recorded and not carried

Lines of the record come from the hub (carried.py), entries from the site; the messages are
checked with the site's own key, so neither side can speak for the other.
"""

import re
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from modelward.artifact.decision import Decision
from modelward.artifact.envelope import Envelope, unseal
from modelward.core.canonical import Json, parse_strict
from modelward.errors import BadArtifact, LedgerBroken, MessageRefused
from modelward.ledger import mail
from modelward.ledger.note import VerifierKey
from modelward.report.processing.carried import Carried, gaps

HASH = re.compile(r"[0-9a-f]{64}")

DECISIONS = frozenset({"approval", "decline", "withdrawal"})
"""Control messages in which a person's decision travels; its form is decision.py's."""


@dataclass(slots=True, kw_only=True)
class Reconciled:
    """What a comparison found.

    Attributes:
        messages: Stored messages under the site's certificate, pieces included.
        bytes: Their payload together.
        releases: Release entries whose artifact was carried, to the byte.
        released_bytes: Bytes of these artifacts.
        refusals: Refusals that were carried and are recorded.
        control: Control messages by kind.
        duplicates: In words.
        differences: In words; empty if ledger and wire agree.
    """

    messages: int = 0
    bytes: int = 0
    releases: int = 0
    released_bytes: int = 0
    refusals: int = 0
    control: Counter[str] = field(default_factory=Counter)
    duplicates: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def reconcile(
    entries: Iterable[Mapping[str, Json]],
    record: Sequence[Carried],
    key: VerifierKey,
) -> Reconciled:
    """Compare a ledger with what the wire carried under its site's certificate.

    Args:
        entries: Of the ledger, oldest first.
        record: Of the wire, all sites, oldest first.
        key: The ledger's key, which is also what the site signs messages with.
    """
    site = key.name.rpartition("/")[2]
    comparing = _Comparing(entries, site, Ed25519PublicKey.from_public_bytes(key.public))
    comparing.found.differences += gaps(record)
    own = [each for each in record if each.site == site]
    for each in own:
        comparing.take(each)
    comparing.close()
    return comparing.found


def words(found: Reconciled) -> str:
    """Return what was found, a line for each count, duplicate and difference."""
    control = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.control.items()))
    return "\n".join(
        [
            f"carried     {found.messages:,} messages, {found.bytes:,} bytes",
            f"releases    {found.releases:,}, {found.released_bytes:,} bytes: each is one entry"
            " of the ledger, by hash and length",
            f"refusals    {found.refusals:,}: each is one entry, and carried nothing",
            f"control     {control or 'none'}: of fixed forms, without an artifact",
            *(f"duplicate   {each}" for each in found.duplicates),
            *(f"DIFFERENCE  {each}" for each in found.differences),
            _verdict(found),
        ]
    )


def _verdict(found: Reconciled) -> str:
    if found.differences:
        return f"not equal   {len(found.differences):,} of them are named above"
    again = f", {len(found.duplicates):,} of them duplicates" if found.duplicates else ""
    return f"equal       every message is accounted for{again}; every release was carried"


class _Comparing:
    """One comparison while it goes on."""

    def __init__(
        self, entries: Iterable[Mapping[str, Json]], site: str, key: Ed25519PublicKey
    ) -> None:
        self.found = Reconciled()
        self._site, self._key = site, key
        self._releases: dict[str, Mapping[str, Json]] = {}
        self._refusals: set[str] = set()
        for entry in entries:
            if entry.get("kind") == "release":
                self._releases[str(entry["task"])] = entry
            elif entry.get("kind") in {"refusal", "intake"}:
                self._refusals.add(str(entry.get("task", entry.get("asked"))))
        self._seen: dict[str, int] = {}
        self._answered: dict[str, int] = {}
        self._inline: set[str] = set()
        self._pieces: defaultdict[str, list[Carried]] = defaultdict(list)

    def take(self, each: Carried) -> None:
        """Take in one line of the record."""
        self.found.messages += 1
        self.found.bytes += each.bytes
        if each.is_piece:
            self._pieces[each.subject.rpartition(".")[2]].append(each)
            return
        if each.sha256 in self._seen:
            self.found.duplicates.append(
                f"{_name(each)} is the same bytes as number {self._seen[each.sha256]}"
            )
            return
        self._seen[each.sha256] = each.sequence
        fault = self._fault(each)
        if fault:
            self.found.differences.append(f"{_name(each)} {fault}")

    def close(self) -> None:
        """Look at the pieces, and at what is recorded and was not carried."""
        by_hash = {str(e["sha256"]): e for e in self._releases.values()}
        for digest, pieces in self._pieces.items():
            self._whole(digest, pieces, by_hash.get(digest))
        for task, entry in self._releases.items():
            digest = str(entry["sha256"])
            if task not in self._answered:
                self.found.differences.append(
                    f"entry {entry['seq']}, a release of {entry['bytes']} bytes"
                    f" (sha256 {digest[:12]}…), was recorded and no message carried it"
                )
            elif task not in self._inline and digest not in self._pieces:
                self.found.differences.append(
                    f"entry {entry['seq']} was answered, and its {entry['bytes']} bytes"
                    f" (sha256 {digest[:12]}…) were not carried"
                )

    def _fault(self, each: Carried) -> str:
        """Count one message, or return in words why it is none that the ledger knows."""
        try:
            envelope = _open(each.message, self._site, self._key)
        except (MessageRefused, BadArtifact) as error:
            return f"is not signed by {self._site}: {error.what}"
        if envelope.kind in {"answer", "readiness"}:
            artifact = self._answer if envelope.kind == "answer" else self._stated
            return artifact(each, envelope)
        if each.attached_sha256:
            return f"carries {each.attached} bytes behind a {envelope.kind} message"
        try:
            if envelope.kind in DECISIONS:
                Decision.read(envelope.body)
            elif envelope.kind == "witness":
                mail.from_body(envelope.body)
            else:
                return f"is a {envelope.kind} message, which a site has no reason to send"
        except (MessageRefused, BadArtifact, LedgerBroken):
            return f"has the kind {envelope.kind} and not its form"
        self.found.control[envelope.kind] += 1
        return ""

    def _answer(self, each: Carried, envelope: Envelope) -> str:
        """Count one answer, or return what does not fit."""
        body: Mapping[str, Any] = envelope.body
        task = str(body.get("task"))
        if set(body) != {"task", "decision", "card"} or not HASH.fullmatch(task):
            return "has the kind answer and not its form"
        if body["decision"] == "released" and isinstance(body["card"], Mapping):
            return self._released(each, task, body["card"])
        if each.attached_sha256 or body["card"] is not None:
            return "carries an artifact and says that nothing is released"
        if body["decision"] == "failed":
            self.found.control["failed"] += 1
            return ""
        if body["decision"] != "refused" or task not in self._refusals:
            return f"refuses a task ({task[:12]}…) of which the ledger holds no refusal"
        self.found.refusals += 1
        return ""

    def _stated(self, each: Carried, envelope: Envelope) -> str:
        """Count a statement of readiness, whose bundle is in its message."""
        body: Mapping[str, Any] = envelope.body
        try:
            raw, card = b64decode(body["bundle"], validate=True), dict(body["card"])
        except (KeyError, TypeError, ValueError):
            return "has the kind readiness and not its form"
        if each.attached_sha256 or set(body) != {"bundle", "card"}:
            return "has the kind readiness and carries more than a statement"
        inside = replace(each, attached=len(raw), attached_sha256=sha256(raw).hexdigest())
        return self._released(inside, str(card.get("task")), card)

    def _released(self, each: Carried, task: str, card: Mapping[str, Any]) -> str:
        entry = self._releases.get(task)
        said = (card.get("sha256"), card.get("nbytes"))
        if entry is None or said != (entry["sha256"], entry["bytes"]):
            return (
                f"releases {card.get('nbytes')} bytes (sha256 {str(said[0])[:12]}…)"
                " of which the ledger holds no entry"
            )
        if each.attached_sha256:
            if (each.attached_sha256, each.attached) != said:
                return (
                    f"carries {each.attached} bytes that are not those of entry {entry['seq']}"
                )
            self._inline.add(task)
        if task in self._answered:
            self.found.duplicates.append(
                f"{_name(each)} answers entry {entry['seq']} again, after number"
                f" {self._answered[task]}"
            )
            return ""
        self._answered[task] = each.sequence
        self.found.releases += 1
        self.found.released_bytes += int(str(entry["bytes"]))
        return ""

    def _whole(
        self, digest: str, pieces: Sequence[Carried], entry: Mapping[str, Json] | None
    ) -> None:
        """Hold the pieces under one hash against its entry."""
        total = sum(each.bytes for each in pieces)
        if entry is None:
            self.found.differences.append(
                f"{len(pieces)} pieces, {total} bytes, were stored as {digest[:12]}…, of which"
                " the ledger holds no entry"
            )
            return
        size = int(str(entry["bytes"]))
        if size and total % size == 0 and total > size:
            self.found.duplicates.append(
                f"the artifact of entry {entry['seq']} was stored {total // size} times"
            )
        elif total != size:
            self.found.differences.append(
                f"{total} bytes were stored as {digest[:12]}…, and entry {entry['seq']} says"
                f" {size}"
            )


def _open(message: str, site: str, key: Ed25519PublicKey) -> Envelope:
    """Return the message, read at the time that it gives itself: that is long past.

    Raises:
        MessageRefused, BadArtifact: If it is none, or not by this site.
    """
    raw = message.encode()
    table = parse_strict(raw, what="message")
    try:
        issued = datetime.fromisoformat(table["issued"])
    except (TypeError, KeyError, ValueError) as error:
        raise BadArtifact(
            "it does not say when it was made",
            why="every message does (docs/formats/message.md)",
            remedy="find out who sent it",
        ) from error
    return unseal(raw, {site: key}, now=issued)


def _name(each: Carried) -> str:
    return f"message {each.sequence} of {each.stream} ({each.bytes} bytes, {each.time})"
