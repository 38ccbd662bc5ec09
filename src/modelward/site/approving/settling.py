"""Settling an alarm at a site: approvers of its policy, each with a signature of their own.

    SITE/witness/alarms/ID.json                the alarm (ledger/alarm.py)
    SITE/witness/settlements/ID-KEY.json       what each person signed about it

An alarm about the site's own ledger takes two approvers with two keys, since what was lost is
taken as spent; one about somebody else's takes one. Signatures are on disk before the alarm is
settled, and the entry `gap` has their hashes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward import durable
from modelward.artifact.card import fingerprint
from modelward.artifact.settlement import Settlement
from modelward.core.canonical import canonical_bytes, parse_strict
from modelward.core.clock import stamp
from modelward.errors import NotApproved
from modelward.ledger.alarm import Alarms

FOLDER = "witness/settlements"

Person = tuple[str, Ed25519PrivateKey]
"""A name, as policy.toml spells it, and that person's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What is said about an alarm.

    Attributes:
        alarm: Its id.
        reason: Why it is cleared up.
        spent: Epsilon that lost entries spent at most; None if nobody says.
    """

    alarm: str
    reason: str
    spent: float | None


def settle(
    site: tuple[Path, str],
    word: Word,
    persons: Sequence[Person],
    approvers: Mapping[str, str],
    now: datetime,
) -> None:
    """Sign that an alarm is cleared up, and settle it.

    Args:
        site: The site's folder and name.
        word: What is said.
        persons: Who says it.
        approvers: Who may: name -> fingerprint of the person's key.
        now: The time, with a time zone.

    Raises:
        NotApproved: If somebody is no approver, or has not that person's key; all of them.
        LedgerBroken: If there is no such alarm, or it was settled.
        MessageRefused: If the reason is too long, or is not one line.
    """
    wrong = [n for n, key in persons if approvers.get(n) != fingerprint(key.public_key())]
    if wrong:
        raise NotApproved(
            f"{', '.join(map(repr, wrong))} may not settle alarms with this key",
            why="the site's policy names who decides, and the fingerprint of each one's key",
            remedy="add the person under [approvers] in policy.toml",
        )
    folder, name = site
    alarms = Alarms(folder / "witness" / "alarms", lambda: now)
    by = " with ".join(each for each, _ in persons)
    alarms.require_open(word.alarm, by=by, reason=word.reason, spent=word.spent)
    durable.make_folder(folder / FOLDER)
    for person, key in persons:
        said = Settlement(
            alarm=word.alarm,
            spent="" if word.spent is None else f"{Decimal(repr(word.spent)):f}",
            reason=word.reason,
            site=name,
            person=person,
            time=stamp(now),
        ).signed(key)
        path = folder / FOLDER / f"{word.alarm}-{said.key[:16]}.json"
        durable.write_whole(path, canonical_bytes(said.body()))
    alarms.settle(word.alarm, by=by, reason=word.reason, spent=word.spent)


def signed(folder: Path, alarm: str) -> list[Settlement]:
    """Return what persons signed about an alarm; none of one that was settled without.

    Raises:
        MessageRefused: If a file is not what a person signed.
    """
    found = sorted((folder / FOLDER).glob(f"{alarm}-*.json"))
    return [
        Settlement.read(parse_strict(each.read_bytes(), what="settlement")) for each in found
    ]
