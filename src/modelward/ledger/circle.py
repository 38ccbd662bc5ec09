"""One party's part in witnessing: it shows its ledger, and looks at those of others.

    show    my checkpoint, proven from what my witnesses know   -> to them
    judge   checkpoints of others: cosigned, or an alarm        -> back to their sites
    take    replies about mine: cosignatures kept, or I stop

Who witnesses whom is ring.py's. Keys are pinned when they are first met (pinned.py).

A party that learns that its ledger is not what it once showed stops: `stopped` says why,
and a named person decides (alarm.py). It appends nothing meanwhile, because that would be
the second history. The carrier decides nothing here: it can hold mail back, which shows as
a checkpoint that is cosigned late, and cannot forge any.

    FOLDER/parties     a verifier key a line: everybody met so far
    FOLDER/seen, FOLDER/alarms     as witness.py says
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from modelward.errors import LedgerBroken
from modelward.ledger import checkpoint, cosignature, kinds, note, witnessed
from modelward.ledger.alarm import Alarm, FindingKind
from modelward.ledger.checkpoint import Checkpoint
from modelward.ledger.log import Clock, Ledger
from modelward.ledger.mail import Mail, Reply
from modelward.ledger.note import Signer, VerifierKey
from modelward.ledger.pinned import pinned, read_pinned
from modelward.ledger.request import Request, request
from modelward.ledger.ring import witnesses_of
from modelward.ledger.witness import Behind, Witness

SKEW = timedelta(seconds=1)
"""How far the clock of a witness may be behind, for what it says to count as said now."""


class Circle:
    """One party among those that witness each other; close it, or use a `with` block.

    Args:
        folder: Where it remembers what it saw.
        signer: Its name and key; the hub's name is ring.py's `HUB`.
        clock: The time of cosignatures and alarms.
        ledger: Its own ledger; None for the hub, which has none.

    Attributes:
        name: Its name.
        folder: As given.
        witness: Its memory of the others, with its alarms.
        heard: Witnesses that have said what they know of this ledger since they were asked.
        since: When they were asked: at the start, or by `ask_anew`.

    Raises:
        StorageError: If another process holds the folder.
        LedgerBroken: If what it keeps cannot be read.
    """

    def __init__(
        self, folder: Path, signer: Signer, clock: Clock, ledger: Ledger | None = None
    ) -> None:
        self.name, self.folder, self._ledger = signer.name, folder, ledger
        self.witness = Witness.open(folder, signer=signer, clock=clock)
        self._keys = read_pinned(folder)
        self._notes: dict[int, bytes] = {}
        self.ask_anew(clock())
        if ledger is not None:
            ledger.halted = lambda: self.stopped.sentence if self.stopped else ""

    def ask_anew(self, now: datetime) -> None:
        """Have every witness asked again what it knows; nobody was heard until it answers."""
        self._told, self.heard = dict[str, int](), set[str]()
        self._shown: bytes | None = None
        self.since = now.replace(microsecond=0) - SKEW  # cut as cosignatures are

    @property
    def has_entries(self) -> bool:
        """Whether there is a ledger, and anything in it."""
        return self._ledger is not None and self._ledger.size > 0

    @property
    def stopped(self) -> Alarm | None:
        """The alarm about this party's own ledger that nobody has settled, or None."""
        return self.witness.alarms.standing(self.name)

    @property
    def witnesses(self) -> tuple[VerifierKey, ...]:
        """Keys of those who witness this ledger, as far as they were met."""
        names = witnesses_of(self.name, self._keys)
        return tuple(self._keys[name] for name in names if name in self._keys)

    @property
    def compared(self) -> bool:
        """Whether a majority of the witnesses has said what it knows since it was asked.

        A checkpoint that a majority cosigned is known to one of any other majority, so who
        was put back has been told by then (`stopped`).
        """
        names = {key.name for key in self.witnesses}
        return len(names & self.heard) >= len(names) // 2 + 1

    def meet(self, keys: Sequence[VerifierKey]) -> None:
        """Pin the keys of parties that are new here.

        Raises:
            LedgerBroken: If a party comes with another key than before.
        """
        others = [key for key in keys if key.name != self.name]
        self._keys = pinned(self.folder, self._keys, others)

    def show(self) -> tuple[Request, ...]:
        """Return what this party's witnesses are asked to cosign, one for each state known.

        Nothing for a ledger without entries, for one that was shown already, or while
        this party is stopped.
        """
        ledger = self._ledger
        if ledger is None or not ledger.size or self.stopped:
            return ()
        told = {self._told.get(key.name, 0) for key in self.witnesses}
        if self._shown == ledger.checkpoint and told == {ledger.size}:
            return ()
        self._shown = ledger.checkpoint
        self._notes[ledger.size] = ledger.checkpoint
        asked = tuple(request(ledger, old) for old in sorted(told) if old < ledger.size)
        self._told = dict.fromkeys((key.name for key in self.witnesses), ledger.size)
        return asked

    def judge(self, shown: Sequence[Request]) -> tuple[Reply, ...]:
        """Return what this party says of others' checkpoints; alarms go in its ledger.

        The replies may be given away after `sync`. What is not signed by a party that was
        met is passed over: evidence of nothing.
        """
        replies = []
        for each in shown:
            key = self._keys.get(each.origin)
            if key is None:
                continue
            try:
                replies.append(self._look(each, key))
            except LedgerBroken:
                continue
        return _one_each(replies)

    def take(self, replies: Sequence[Reply]) -> tuple[Alarm, ...]:
        """Keep cosignatures of this party's ledger, and return alarms about it that hold.

        Raises:
            StorageError: If they cannot be kept.
        """
        keys = {key.name: key for key in self.witnesses}
        confirmed = []
        for reply in replies:
            witness = keys.get(reply.witness)
            if self._ledger is None or witness is None or reply.origin != self.name:
                continue
            try:
                found = self._hear(reply, witness, self._ledger)
            except LedgerBroken:
                continue  # not what that witness would say: as if it had said nothing
            confirmed += [found] if found else []
        if not confirmed:
            self._keep()
        return tuple(confirmed)

    def exchange(self, mail: Mail) -> tuple[Reply, ...]:
        """Deal with all of `mail`; return what is to go back (`show` comes on top)."""
        self.meet(mail.keys)
        self.take(mail.replies)
        replies = self.judge(mail.shown)
        self.sync()
        return replies

    def sync(self) -> None:
        """Return when all that this party has cosigned is on disk.

        Raises:
            StorageError: If the disk does not take it; then no reply may be given away.
        """
        self.witness.sync()

    def close(self) -> None:
        """Let go of the files and the lock; a second call does nothing."""
        self.witness.close()

    def _look(self, shown: Request, key: VerifierKey) -> Reply:
        """Return what the witness says of one checkpoint."""
        before = {each.id for each in self.witness.alarms.all()}
        said = self.witness.consider(shown, key)
        if isinstance(said, Alarm):
            if said.id not in before and self._ledger is not None and not self.stopped:
                self._ledger.append(kinds.fields("alarm", **said.fields))
            return Reply(self.name, key.name, alarm=said)
        if isinstance(said, Behind):
            return Reply(self.name, key.name, known=self.witness.recall(key) or b"")
        return Reply(self.name, key.name, known=cosignature.attach(shown.signed, said.line))

    def _hear(self, reply: Reply, witness: VerifierKey, ledger: Ledger) -> Alarm | None:
        """Take in one reply; return the alarm that it confirms, if it does.

        Raises:
            LedgerBroken: If it is not by this witness, or not about this ledger.
        """
        if reply.alarm is not None:
            return self._accused(reply.alarm, ledger)
        if not reply.known:
            self._told[witness.name] = 0
            return None
        said = cosignature.cosigned_at(reply.known, witness)
        if said is None:
            return None
        state = self._state(reply.known, ledger)
        if said >= self.since:  # mail of an earlier run says nothing about now
            self.heard.add(witness.name)
        if not holds(ledger, state):
            return self._stop(_finding(state, ledger), reply.known, ledger.checkpoint)
        self._told[witness.name] = state.size
        before = self._notes.get(state.size, reply.known)
        line = _line_of(reply.known, witness)
        self._notes[state.size] = cosignature.attach(before, line)
        return None

    def _accused(self, said: Alarm, ledger: Ledger) -> Alarm | None:
        """Return the alarm if this ledger is indeed not what was shown before, else None.

        An alarm over a proof that was damaged on the way does not stop an honest site; it
        stands at the witness until a person there has looked at it.
        """
        for evidence in (said.held, said.shown):
            if not holds(ledger, checkpoint.read(evidence, ledger.key)):
                return self._stop(said.finding, said.held, said.shown)
        return None

    def _state(self, known: bytes, ledger: Ledger) -> Checkpoint:
        """Return what a cosigned checkpoint of this ledger says, its signature checked."""
        body, _ = note.split(known)
        state = checkpoint.parse(body)
        own = self._notes.get(state.size)
        if own is not None and note.split(own)[0] == body:
            return state  # the very text that we signed
        return checkpoint.read(known, ledger.key)

    def _stop(self, finding: FindingKind, held: bytes, shown: bytes) -> Alarm:
        """Record an alarm about this party's own ledger; it stands until it is settled."""
        return self.stopped or self.witness.alarms.raise_(finding, held, shown)

    def _keep(self) -> None:
        """Put the largest checkpoint that a majority cosigned in the ledger's folder."""
        if self._ledger is None or not self._notes:
            return
        keys = self.witnesses
        need = len(keys) // 2 + 1
        for size in sorted(self._notes, reverse=True):
            signed = self._notes[size]
            lines = [each for each in keys if _line_of(signed, each)]
            if len(lines) < need:
                continue
            witnessed.keep(self._ledger, signed, keys)
            self._notes = {n: kept for n, kept in self._notes.items() if n >= size}
            return


def holds(ledger: Ledger, state: Checkpoint) -> bool:
    """Return whether `ledger` starts with what `state` says of it."""
    return state.size <= ledger.size and ledger.tree.root_of(state.size) == state.root


def _finding(known: Checkpoint, ledger: Ledger) -> FindingKind:
    """Return what it is that `ledger` does not start with what a witness knows of it."""
    if known.size > ledger.size:
        return "rollback"
    return "split" if known.size == ledger.size else "inconsistent"


def _one_each(replies: Sequence[Reply]) -> tuple[Reply, ...]:
    """Return the last reply about each ledger: two requests may be about one state."""
    return tuple({each.origin: each for each in replies}.values())


def _line_of(signed: bytes, witness: VerifierKey) -> bytes:
    """Return the line that says it is by `witness`, or nothing."""
    key = witness.cosigner
    lines = [each.line for each in note.split(signed)[1] if each.claims(key)]
    return "".join(lines).encode()
