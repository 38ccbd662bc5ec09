"""What a ledger says about privacy: reservations, uses of them, and what has no bound.

Entries of a site's ledger (ledger/kinds.py), read by their `kind`; others are passed over:

    reservation   reservation, study, cohort, events [{mechanism: gaussian, sampling, noise,
                  steps}, ...]
    privacy       event, as above, with its `reservation`; `round`, and `asked`: the task.
                  Written before anything is drawn, so it is a use whatever becomes of it
    closure       reservation: what was not used of it is given back
    release       privacy {mechanism: none}: left without any bound; {beside: exact}: so did
                  the figures on the card of something that has one
    gap           spent {epsilon}: of every patient, for entries that were lost

A reservation is charged in full while it is open, and for what was used once it is closed.
Nothing that was used is ever given back, whatever an entry says, and a use beyond its
reservation, or of one that is closed, is charged all the same: `budget.require_reserved`
keeps a site from it, and what happened has its price. A refusal gives nothing back either:
that a site refused is a look at its patients.

Pure: entries in, bookings out. The price of bookings is budget.py's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelward.core.canonical import Json
from modelward.errors import LedgerBroken
from modelward.privacy.accounting import Event

Uses = Counter[tuple[float, float]]
"""Steps by (sampling, noise)."""

CARD = "figures on a card"
"""What has no bound where a bundle has one."""

KINDS = frozenset({"reservation", "privacy", "closure", "release", "gap"})
"""Kinds of entries that are looked at."""


@dataclass(frozen=True, slots=True)
class Booking:
    """One reservation and what became of it.

    Attributes:
        reservation: Its name.
        study: SHA-256 of the study.
        cohort: SHA-256 of the keyed ids of its patients; see `budget.cohort_hash`.
        reserved: Events it may use.
        used: Events that were booked, in (sampling, noise) order.
        open: Whether more may be used of it.
        asked: Round -> id of the task that the use was booked for.
    """

    reservation: str
    study: str
    cohort: str
    reserved: tuple[Event, ...]
    used: tuple[Event, ...]
    open: bool
    asked: Mapping[int, str] = field(default_factory=dict)

    @property
    def charged(self) -> tuple[Event, ...]:
        """Events that count against its patients now."""
        if not self.open:
            return self.used
        return _events(_uses(self.reserved) | _uses(self.used))


@dataclass(frozen=True, slots=True)
class Unbounded:
    """A release without a privacy bound (the exact lane): listed, never added.

    Attributes:
        study: SHA-256 of the study.
        task: Id of the task it answered.
        kind: Kind of the artifact; `CARD` for exact figures beside one that has a bound.
    """

    study: str
    task: str
    kind: str


@dataclass(frozen=True, slots=True)
class Book:
    """Everything a ledger says about privacy, in its order.

    Attributes:
        bookings: Reservations and what became of them.
        unbounded: What left without a bound.
        missing: Epsilon that is taken as spent of every patient, for lost entries.
    """

    bookings: tuple[Booking, ...]
    unbounded: tuple[Unbounded, ...]
    missing: float = 0.0

    def booking(self, reservation: str) -> Booking | None:
        """Return the booking of that name, or None."""
        return next((b for b in self.bookings if b.reservation == reservation), None)


def read(entries: Iterable[Mapping[str, Json]]) -> Book:
    """Return what `entries`, oldest first, say about privacy.

    Raises:
        LedgerBroken: If an event is of a kind without a price, if something is used of or
            closed under a reservation that does not exist, or if one that is closed grows.
    """
    accounts: dict[str, _Account] = {}
    unbounded: list[Unbounded] = []
    missing = 0.0
    for entry in entries:
        match entry.get("kind"):
            case "reservation":
                _reserve(accounts, entry)
            case "privacy":
                _use(accounts, entry)
            case "closure":
                _account(accounts, entry, _text(entry, "reservation")).open = False
            case "release":
                unbounded += _without_bound(entry)
            case "gap":
                missing += _amount(entry)
    booked = tuple(account.booking(name) for name, account in accounts.items())
    return Book(booked, tuple(unbounded), missing)


@dataclass(slots=True)
class _Account:
    """A booking while its entries are read."""

    study: str
    cohort: str
    reserved: Uses = field(default_factory=Counter)
    used: Uses = field(default_factory=Counter)
    open: bool = True
    asked: dict[int, str] = field(default_factory=dict)

    def booking(self, name: str) -> Booking:
        return Booking(
            name,
            self.study,
            self.cohort,
            _events(self.reserved),
            _events(self.used),
            self.open,
            self.asked,
        )


def reserve_fields(
    reservation: str, study: str, cohort: str, events: Sequence[Event]
) -> dict[str, Json]:
    """Return what the ledger entry `reservation` says of `events` for `cohort`."""
    return {
        "reservation": reservation,
        "study": study,
        "cohort": cohort,
        "events": [dict(privacy_fields(event)) for event in events],
    }


def use_fields(booking: Booking, event: Event, round_no: int, task: str) -> dict[str, Json]:
    """Return what the ledger entry `privacy` says of a use of `booking` for `task`."""
    return {
        "study": booking.study,
        "round": round_no,
        "cohort": booking.cohort,
        "event": dict(privacy_fields(event, booking.reservation)),
        "asked": task,
    }


def close_fields(reservation: str, study: str) -> dict[str, Json]:
    """Return what the ledger entry `closure` says of a reservation."""
    return {"reservation": reservation, "study": study}


def privacy_fields(
    event: Event, reservation: str | None = None
) -> dict[str, str | int | float]:
    """Return `event` as a card and a ledger entry carry it, with its reservation if given."""
    fields: dict[str, str | int | float] = {
        "mechanism": "gaussian",
        "sampling": event.sampling,
        "noise": event.noise,
        "steps": event.steps,
    }
    return fields if reservation is None else {**fields, "reservation": reservation}


def _without_bound(entry: Mapping[str, Json]) -> list[Unbounded]:
    privacy = _table(entry, "privacy")
    study, task, kind = (str(entry.get(key, "")) for key in ("study", "task", "artifact"))
    if privacy.get("mechanism") == "none":
        return [Unbounded(study, task, kind)]
    return [Unbounded(study, task, CARD)] if privacy.get("beside") == "exact" else []


def _reserve(accounts: dict[str, _Account], entry: Mapping[str, Json]) -> None:
    name = _text(entry, "reservation")
    study, cohort = _text(entry, "study"), _text(entry, "cohort")
    account = accounts.setdefault(name, _Account(study, cohort))
    if (account.study, account.cohort) != (study, cohort) or not account.open:
        raise _broken(entry, f"reservation {name!r} belongs to something else")
    events = entry.get("events")
    if not isinstance(events, list | tuple) or not events:
        raise _broken(entry, "it reserves no events")
    for event in events:
        _add(account.reserved, entry, event)


def _use(accounts: Mapping[str, _Account], entry: Mapping[str, Json]) -> None:
    event = _table(entry, "event")
    account = _account(accounts, entry, _text(event, "reservation"))
    _add(account.used, entry, event)
    round_no, asked = entry.get("round"), entry.get("asked")
    if isinstance(round_no, int) and isinstance(asked, str):
        account.asked[round_no] = asked


def _account(
    accounts: Mapping[str, _Account], entry: Mapping[str, Json], name: str
) -> _Account:
    if name not in accounts:
        raise _broken(entry, f"nothing was reserved under {name!r}")
    return accounts[name]


def _add(uses: Uses, entry: Mapping[str, Json], privacy: Json) -> None:
    if not isinstance(privacy, Mapping):
        raise _broken(entry, "it does not say what it costs")
    sampling, noise, steps = (privacy.get(key) for key in ("sampling", "noise", "steps"))
    if (
        privacy.get("mechanism") != "gaussian"
        or not isinstance(sampling, int | float)
        or not isinstance(noise, int | float)
        or type(steps) is not int
    ):
        raise _broken(entry, f"its privacy event is {dict(privacy)}")
    event = Event(float(sampling), float(noise), steps)
    uses[event.sampling, event.noise] += event.steps


def _uses(events: Iterable[Event]) -> Uses:
    found: Uses = Counter()
    for event in events:
        found[event.sampling, event.noise] += event.steps
    return found


def _events(uses: Uses) -> tuple[Event, ...]:
    return tuple(sorted(Event(q, sigma, steps) for (q, sigma), steps in uses.items()))


def _table(entry: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    found = entry.get(key)
    if not isinstance(found, Mapping):
        raise _broken(entry, "it does not say what it costs")
    return found


def _amount(entry: Mapping[str, Json]) -> float:
    found = _table(entry, "spent").get("epsilon")
    if not isinstance(found, int | float) or not found >= 0:
        raise _broken(entry, "it does not say how much is missing")
    return float(found)


def _text(table: Mapping[str, Json], key: str) -> str:
    found = table.get(key)
    if not isinstance(found, str):
        raise _broken(table, f"it has no {key}")
    return found


def _broken(entry: Mapping[str, Json], what: str) -> LedgerBroken:
    place = entry.get("seq", "that is not numbered")
    return LedgerBroken(
        f"ledger entry {place}, on privacy, cannot be counted: {what}",
        why="a budget with an event of unknown price could be overspent",
        remedy="release nothing, and compare the ledger with a witness's copy",
    )
