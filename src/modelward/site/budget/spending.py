"""A site's privacy budget, kept in its ledger: reserve a study, book a task, then draw.

    reservation   the first task of a study reserves all that the study may ever do to its
                  patients, or is refused with what is left and what would fit
    privacy       each task books its own event before anything is drawn for it
    release       names the reservation that it was booked against

Entries are read once and then kept in step with what is appended, under the ledger's one
writer, so studies that run at the same time cannot spend the same epsilon. A second task
for a round that was booked is refused: whoever got two answers could subtract them.

    SITE/dp.key    secret of coins and noise; never leaves the site

Who is in a cohort, and from what statistics are drawn, is charged.py's to remember; whether
a bound means something for a cohort at all is unit.py's to say.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelward import durable
from modelward.core.canonical import Json, canonical_bytes, canonical_hash
from modelward.core.study import Study
from modelward.core.task import Task, TaskKind
from modelward.errors import BudgetExceeded, StorageError
from modelward.ledger import kinds
from modelward.ledger.log import Ledger
from modelward.privacy import budget
from modelward.privacy.accounting import Event
from modelward.privacy.book import (
    KINDS,
    Book,
    Booking,
    close_fields,
    privacy_fields,
    read,
    use_fields,
)
from modelward.privacy.budget import Ceilings, Proposal
from modelward.privacy.noise import KEY_BYTES
from modelward.privacy.plan import GROUP, adjusts_labels, look, plan_of
from modelward.site.approving import settling
from modelward.site.budget import charged
from modelward.site.isolation.snapshot import CohortFacts

PUBLIC: Mapping[str, str | int | float] = {"mechanism": "public"}
"""The privacy event of an answer that holds declared-public numbers only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What a task may do to patients, and the secret to do it with.

    Attributes:
        event: Booked for this task; None where the answer holds public numbers only.
        statistics: The event of the study's statistics, whose noised share of positives
            training may look at again: the same bytes are no second look.
        key: Secret of this study on this cohort, 32 bytes.
        card: The event as the artifact's card carries it.
    """

    event: Event | None
    statistics: Event | None
    key: bytes = field(repr=False)
    card: Mapping[str, str | int | float]

    def to_json(self) -> dict[str, Json]:
        """Return what the isolated trainer is told."""
        events = {"event": self.event, "statistics": self.statistics}
        told: dict[str, Json] = {
            name: None if each is None else [each.sampling, each.noise, each.steps]
            for name, each in events.items()
        }
        return {**told, "key": self.key.hex()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Booked":
        """Return what `to_json` told; its card is the gatekeeper's alone."""
        events = {
            name: None if told[name] is None else Event(*told[name])
            for name in ("event", "statistics")
        }
        return cls(**events, key=bytes.fromhex(told["key"]), card={})


class Spending:
    """The budget of one site.

    Args:
        folder: The site's folder.
        ledger: Its ledger, open.
        ceilings: Its policy.
    """

    def __init__(self, folder: Path, ledger: Ledger, ceilings: Ceilings) -> None:
        self._folder, self._ledger, self._ceilings = folder, ledger, ceilings
        self._entries: list[Mapping[str, Json]] | None = None

    def book(self, study: Study, task: Task, facts: CohortFacts) -> Booked:
        """Return what `task` may do, booked in the ledger; the same again for the same task.

        Args:
            study: A study under differential privacy.
            task: One of its tasks, without a decision yet.
            facts: The site's cohort.

        Raises:
            BudgetExceeded: If a patient cannot afford the study or was never charged for it,
                if statistics would be drawn from other data than before, or if the round was
                booked for another task.
            LedgerBroken: If what was spent before cannot be told.
            StorageError: If it cannot be recorded; then nothing is drawn.
        """
        plan = plan_of(study)
        key = self._key(study, facts)
        event = plan.of(task.kind)
        if event is None:
            return Booked(event=None, statistics=None, key=key, card=PUBLIC)
        name = f"{study.sha256}/{GROUP[task.kind]}"
        booking = self._book().booking(name) or self._reserve(study, task, name, facts)
        charged.require_charged(self._folder, booking, facts.patients[GROUP[task.kind]])
        if GROUP[task.kind] == "train" and plan.statistics is not None:
            charged.require_drawn_from(self._folder, booking, facts.bundle)
            if task.kind == "train" and adjusts_labels(study) and 0 not in booking.asked:
                self._book_share(booking, plan.statistics)
        known = booking.asked.get(task.round_no)
        if known is None:
            booking = budget.require_reserved(self._book(), name, event)
            fields = use_fields(booking, event, task.round_no, task.id)
            self._append("privacy", fields)
        elif known != task.id:
            raise BudgetExceeded(
                f"round {task.round_no} was booked for another task, {known[:12]}…",
                why="two answers in one round can be subtracted from each other",
                remedy="ask the hub's operator; the task that was booked can be asked again",
            )
        card = privacy_fields(event, name)
        return Booked(event=event, statistics=plan.statistics, key=key, card=card)

    def has_reserved(self, study: Study, kind: TaskKind) -> bool:
        """Return whether `study` was reserved for the patients whom tasks of `kind` look at."""
        return self._book().booking(f"{study.sha256}/{GROUP.get(kind)}") is not None

    def book_look(self, study: Study, task: Task, facts: CohortFacts) -> Booked:
        """Return what a statement of readiness may do, booked for every patient of the cohort.

        It is charged under a name of its own, not to the study: a study that costs all that
        its ceiling allows is not refused because somebody looked before.

        Args:
            study: The study that the statement is about.
            task: The statement.
            facts: The site's cohort.

        Raises:
            BudgetExceeded: If a patient cannot afford it.
            StorageError: If it cannot be recorded; then nothing is drawn.
        """
        event, name = look(), f"{study.sha256}/readiness/{task.round_no}"
        everybody = tuple(sorted({p for each in facts.patients.values() for p in each}))
        about = canonical_hash({"readiness": study.sha256})
        card = self.once(Proposal(name, about, everybody, (event,)), task.id)
        return Booked(event=event, statistics=None, key=self._key(study, facts), card=card)

    def once(self, proposal: Proposal, asked: str) -> Mapping[str, str | int | float]:
        """Book one use of the one event of `proposal`; the same again for the same question.

        What a site does for the data-model network is one event, not rounds of a study.

        Args:
            proposal: Whom it is about, and what is done; with one event.
            asked: SHA-256 of everything that the result depends on.

        Returns:
            The event as a card and the entry of a release carry it.

        Raises:
            BudgetExceeded: If a patient cannot afford it, or came after it was reserved.
            BadPrivacyTerms: If it is about nobody.
            StorageError: If it cannot be recorded; then nothing is drawn.
        """
        name, (event,) = proposal.reservation, proposal.events
        booking = self._book().booking(name)
        if booking is None:
            found = self._book()
            entry = budget.reserve(found, self._members(found), proposal, self._ceilings)
            charged.write_members(self._folder, tuple(proposal.patients))
            self._append("reservation", entry)
            booking = budget.require_reserved(self._book(), name, event)
        charged.require_charged(self._folder, booking, tuple(proposal.patients))
        if booking.asked.get(0) != asked:
            budget.require_reserved(self._book(), name, event)
            self._append("privacy", use_fields(booking, event, 0, asked))
        return privacy_fields(event, name)

    def standing(self, study: str | None = None) -> budget.Standing:
        """Return what the most used patient has behind and ahead, over all studies or one."""
        ceiling = self._ceilings.lifetime if study is None else self._ceilings.study
        found = self._book()
        members = self._members(found)
        return budget.standing(found, members, ceiling, self._ceilings.delta, study=study)

    def close(self, study: str) -> list[str]:
        """Give back what an ended study has not used; return the reservations closed."""
        closed = []
        for booking in self._book().bookings:
            if booking.study == study and booking.open:
                self._append("closure", close_fields(booking.reservation, study))
                closed.append(booking.reservation)
        return closed

    def miss(self, alarm: str, by: str, spent: float | None) -> None:
        """Take `spent` as spent of every patient, for entries that this ledger has lost.

        Args:
            alarm: Id of the alarm that was settled.
            by: Who settled it, when and why.
            spent: Epsilon that the persons answer for; the whole lifetime ceiling if None.
        """
        epsilon = self._ceilings.lifetime if spent is None else spent
        said: dict[str, Json] = {"alarm": alarm, "by": by, "spent": {"epsilon": epsilon}}
        if hashes := [each.sha256 for each in settling.signed(self._folder, alarm)]:
            said["settlements"] = [*hashes]
        self._append("gap", said)

    def _key(self, study: Study, facts: CohortFacts) -> bytes:
        """Return the secret of `study` on this cohort."""
        named = canonical_bytes([study.sha256, facts.bundle])
        return hmac.digest(dp_key(self._folder / "dp.key"), named, "sha256")

    def _reserve(self, study: Study, task: Task, name: str, facts: CohortFacts) -> Booking:
        """Reserve the whole study for the patients of the task's group."""
        group = GROUP[task.kind]
        proposal = Proposal(
            reservation=name,
            study=study.sha256,
            patients=facts.patients[group],
            events=plan_of(study).whole(group),
        )
        found = self._book()
        entry = budget.reserve(found, self._members(found), proposal, self._ceilings)
        charged.write_members(self._folder, facts.patients[group])
        self._append("reservation", entry)
        booking = self._book().booking(name)
        if booking is None:
            raise AssertionError("what was appended is read back")
        return booking

    def _book_share(self, booking: Booking, statistics: Event) -> None:
        """Book the noised share that training draws, for a hub that never asked for statistics.

        What is used is never given back, and a study that ends gives back what was not booked.
        """
        budget.require_reserved(self._book(), booking.reservation, statistics)
        asked = Task(study=booking.study, round_no=0, kind="statistics").id
        self._append("privacy", use_fields(booking, statistics, 0, asked))

    def _book(self) -> Book:
        if self._entries is None:
            self._entries = [e for e in self._ledger if e.get("kind") in KINDS]
        return read(self._entries)

    def _append(self, kind: str, said: Mapping[str, Json]) -> None:
        entry = self._ledger.append(kinds.fields(kind, **said))
        if self._entries is not None:
            self._entries.append(entry)

    def _members(self, found: Book) -> dict[str, frozenset[str]]:
        return charged.read_members(self._folder, {each.cohort for each in found.bookings})


def dp_key(path: Path) -> bytes:
    """Return the site's secret for coins and noise, made once, readable by its owner only.

    Raises:
        StorageError: If the file is there but is not such a key.
    """
    if not path.exists():
        durable.write_once(path, secrets.token_bytes(KEY_BYTES), mode=0o600)
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise StorageError(
            f"{path} is {len(key)} bytes long, not {KEY_BYTES}",
            why="with another key, a task that is repeated after a crash gets other noise, "
            "and two noises of one sum can be averaged away",
            remedy="restore it from a backup; without one, withdraw from the running studies",
        )
    return key
