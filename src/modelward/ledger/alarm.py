"""What a witness found: two checkpoints of one ledger that do not go together.

    split          two roots for one size, both signed: the site showed two histories
    rollback       fewer entries than it showed before, in a state that was never seen
    inconsistent   more entries, without proof that the earlier ones are among them

A split convicts by itself: anybody with the site's key can check both notes. The other two
are for the site to clear up with a proof. An alarm stays on disk for good; a person settles
it, with a name and a reason, and it stays there settled.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Literal, get_args

from modelward.core.canonical import Json, canonical_bytes, parse_strict
from modelward.durable import write_whole
from modelward.errors import BadArtifact, LedgerBroken
from modelward.ledger import checkpoint, note
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.entry import stamp

FindingKind = Literal["split", "rollback", "inconsistent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Two checkpoints that do not go together.

    Attributes:
        finding: `split`, `rollback` or `inconsistent`.
        held: Note of what the witness cosigned before.
        shown: Note of what it was shown now.
        time: When, by the witness's clock, RFC 3339 UTC.
        settled: Who settled it and why; empty while it stands.
        spent: Epsilon that those who settled it answer for, where entries of a site's own
            ledger are missing; None if they do not say.
    """

    finding: FindingKind
    held: bytes
    shown: bytes
    time: str
    settled: str = ""
    spent: float | None = None

    @property
    def id(self) -> str:
        """Hash of finding and evidence: the same alarm is raised once."""
        evidence = b"\n\n".join([self.finding.encode(), self.held, self.shown])
        return sha256(evidence).hexdigest()[:16]

    @property
    def states(self) -> tuple[Checkpoint, Checkpoint]:
        """Both checkpoints, held and shown; their signatures were checked before."""
        held, shown = (checkpoint.parse(note.split(each)[0]) for each in self._notes)
        return held, shown

    @property
    def _notes(self) -> tuple[bytes, bytes]:
        return self.held, self.shown

    @property
    def fields(self) -> dict[str, Json]:
        """What an entry of kind `alarm` says of it (kinds.py)."""
        held, shown = self.states
        return {
            "origin": held.origin,
            "finding": self.finding,
            "held": {"size": held.size, "root": held.root.hex()},
            "shown": {"size": shown.size, "root": shown.root.hex()},
        }

    @property
    def sentence(self) -> str:
        """What was found, and whether somebody has settled it, in one sentence."""
        what = self.explain().partition(". ")[0]
        return f"{self.time} {what}; " + (
            f"settled {self.settled}" if self.settled else "it stands: nobody has settled it"
        )

    def explain(self) -> str:
        """Return what an operator has to know, in three sentences."""
        held, shown = self.states
        return {
            "split": f"{held.origin} signed two histories of {held.size} entries."
            " Both notes are kept: anybody with its key can check them."
            " Stop working with this ledger and call its site.",
            "rollback": f"{held.origin} showed {shown.size} entries after {held.size}."
            " It was restored from a backup or cut back."
            " Call the site; it must show the entries that are missing.",
            "inconsistent": f"{held.origin} showed {shown.size} entries without proof that the"
            f" first {held.size} are unchanged."
            " Its history was rewritten, or the proof was damaged on the way."
            " Call the site; it must show a proof that holds.",
        }[self.finding]


class Alarms:
    """The alarms of one witness, on disk and in memory."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        """Read all alarms in `folder`, which must exist.

        Raises:
            LedgerBroken: If one cannot be read.
        """
        self._folder = folder
        self._clock = clock
        self._known = {each.id: each for each in read_alarms(folder)}

    def all(self) -> tuple[Alarm, ...]:
        """Return every alarm ever raised, oldest first."""
        return tuple(sorted(self._known.values(), key=lambda alarm: (alarm.time, alarm.id)))

    def standing(self, origin: str) -> Alarm | None:
        """Return the oldest alarm about `origin` that nobody has settled, or None.

        A person settles beside a running node: the file of one that stands is read again.
        """
        for known in [each for each in self.all() if not each.settled]:
            self._known[known.id] = decode((self._folder / f"{known.id}.json").read_bytes())
        found = (each for each in self.all() if not each.settled)
        return next((each for each in found if each.states[0].origin == origin), None)

    def raise_(self, finding: FindingKind, held: bytes, shown: bytes) -> Alarm:
        """Record an alarm and return it once it is on disk.

        One with the same evidence that is known is returned as it is: what a person has
        settled does not stand again.

        Raises:
            StorageError: If the disk does not take it.
        """
        raised = Alarm(finding=finding, held=held, shown=shown, time=stamp(self._clock()))
        return self._known.get(raised.id) or self._keep(raised)

    def settle(
        self, alarm_id: str, *, by: str, reason: str, spent: float | None = None
    ) -> Alarm:
        """Record that a person has cleared an alarm up; its origin is cosigned again.

        At a site it is signed first (site/approving/settling.py).

        Args:
            alarm_id: Which one.
            by: Who; two names where a site goes on with a ledger that has lost entries.
            reason: Why.
            spent: See `Alarm`.

        Raises:
            LedgerBroken: As `require_open`.
        """
        self.require_open(alarm_id, by=by, reason=reason, spent=spent)
        said = f"{stamp(self._clock())} {by}: {reason}"
        return self._keep(replace(self._known[alarm_id], settled=said, spent=spent))

    def require_open(self, alarm_id: str, *, by: str, reason: str, spent: float | None) -> None:
        """Check that an alarm can be settled so.

        Raises:
            LedgerBroken: If there is no such alarm, it is settled already, no name or reason
                is given, or `spent` is no number from 0 on.
        """
        if spent is not None and not _is_epsilon(spent):
            raise LedgerBroken(
                f"alarm {alarm_id!r} cannot be settled with {spent} as spent",
                why="a budget with an entry that is no price could not be counted any more",
                remedy="give an epsilon from 0 on, or none: then all that is left is spent",
            )
        if alarm_id not in self._known or not by.strip() or not reason.strip():
            raise LedgerBroken(
                f"alarm {alarm_id!r} cannot be settled by {by!r} because {reason!r}",
                why="an alarm is settled by a named person for a reason that can be read later",
                remedy="give the id of an alarm that is there, a name and a reason",
            )
        if self._known[alarm_id].settled:
            raise LedgerBroken(
                f"alarm {alarm_id!r} was settled {self._known[alarm_id].settled}",
                why="who answered for it stays on record",
                remedy="nothing; what was settled stands no more",
            )

    def _keep(self, alarm: Alarm) -> Alarm:
        write_whole(self._folder / f"{alarm.id}.json", encode(alarm))
        self._known[alarm.id] = alarm
        return alarm


def _is_epsilon(spent: float) -> bool:
    """Return whether it can be booked as spent: a number from 0 on."""
    return 0.0 <= spent < inf


def read_alarms(folder: Path) -> tuple[Alarm, ...]:
    """Return the alarms in `folder`, oldest first; none if there is no such folder.

    Raises:
        LedgerBroken: If one cannot be read.
    """
    found = [decode(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    return tuple(sorted(found, key=lambda alarm: (alarm.time, alarm.id)))


def encode(alarm: Alarm) -> bytes:
    """Return the file of an alarm: canonical JSON, the notes as text."""
    said: dict[str, Json] = {
        "finding": alarm.finding,
        "held": alarm.held.decode(),
        "shown": alarm.shown.decode(),
        "time": alarm.time,
        "settled": alarm.settled,
    }
    return canonical_bytes(said if alarm.spent is None else {**said, "spent": alarm.spent})


def decode(raw: bytes) -> Alarm:
    """Read what `encode` writes.

    Raises:
        LedgerBroken: For anything else.
    """
    try:
        said = parse_strict(raw, what="alarm")
        notes = {name: said[name].encode() for name in ("held", "shown")}
        found = Alarm(**{**said, **notes})
        checkpoint.parse(note.split(found.held)[0])
        checkpoint.parse(note.split(found.shown)[0])
        known = said["finding"] in get_args(FindingKind)
        priced = found.spent is None or _is_epsilon(found.spent)
        if known and priced and encode(found) == raw:
            return found
    except (BadArtifact, LedgerBroken, TypeError, KeyError, AttributeError, ValueError):
        pass
    raise LedgerBroken(
        "a file among the alarms of this witness is not an alarm",
        why="alarms are evidence: one that cannot be read must not be passed over",
        remedy="look at the file and restore it from a copy",
    )
