"""What a ledger says about privacy: reservations, releases against them, and the unbounded.

Entries of a site's ledger, read by their `decision`; everything else is passed over:

    reserved   reservation, study, cohort, privacy {mechanism: gaussian, sampling, noise, steps}
    released   privacy as above with its reservation, or {mechanism: none}: no bound at all
    closed     reservation: what was not released of it is given back

A reservation is charged in full while it is open, and for what was released once it is
closed. Nothing that was released is ever given back, whatever an entry says, and a release
beyond its reservation is charged all the same. A refusal gives nothing back either: that a
site refused is a look at its patients.

Pure: entries in, bookings out. The price of bookings is budget.py's.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelward.core.canonical import Json
from modelward.errors import LedgerBroken
from modelward.privacy.accounting import Event

Uses = Counter[tuple[float, float]]
"""Steps by (sampling, noise)."""


@dataclass(frozen=True, slots=True)
class Booking:
    """One reservation and what became of it.

    Attributes:
        reservation: Its name, such as the id of a study or task.
        study: SHA-256 of the study.
        cohort: SHA-256 of the keyed ids of its patients; see `budget.cohort_hash`.
        reserved: Events it may use.
        released: Events that have left the site.
        open: Whether more may be released against it.
    """

    reservation: str
    study: str
    cohort: str
    reserved: tuple[Event, ...]
    released: tuple[Event, ...]
    open: bool

    @property
    def charged(self) -> tuple[Event, ...]:
        """Events that count against its patients now."""
        if not self.open:
            return self.released
        return _events(_uses(self.reserved) | _uses(self.released))


@dataclass(frozen=True, slots=True)
class Unbounded:
    """A release without a privacy bound (the exact lane): listed, never added.

    Attributes:
        study: SHA-256 of the study.
        task: Id of the task it answered.
        kind: Kind of the artifact.
    """

    study: str
    task: str
    kind: str


@dataclass(frozen=True, slots=True)
class Book:
    """Everything a ledger says about privacy, in its order."""

    bookings: tuple[Booking, ...]
    unbounded: tuple[Unbounded, ...]


def read(entries: Iterable[Mapping[str, Json]]) -> Book:
    """Return what `entries`, oldest first, say about privacy.

    Raises:
        LedgerBroken: If an event is of a kind without a price, or something is released,
            closed or added to against a reservation that does not exist or is closed.
    """
    accounts: dict[str, _Account] = {}
    unbounded: list[Unbounded] = []
    for entry in entries:
        match entry.get("decision"):
            case "reserved":
                _reserve(accounts, entry)
            case "released" if _privacy(entry).get("mechanism") == "none":
                words = (str(entry.get(key, "")) for key in ("study", "task", "kind"))
                unbounded.append(Unbounded(*words))
            case "released":
                account = _account(accounts, entry, _text(_privacy(entry), "reservation"))
                _add(account.released, entry)
            case "closed":
                _account(accounts, entry, _text(entry, "reservation")).open = False
    return Book(
        tuple(account.booking(name) for name, account in accounts.items()), tuple(unbounded)
    )


@dataclass(slots=True)
class _Account:
    """A booking while its entries are read."""

    study: str
    cohort: str
    reserved: Uses = field(default_factory=Counter)
    released: Uses = field(default_factory=Counter)
    open: bool = True

    def booking(self, name: str) -> Booking:
        return Booking(
            name,
            self.study,
            self.cohort,
            _events(self.reserved),
            _events(self.released),
            self.open,
        )


def reserve_fields(reservation: str, study: str, cohort: str, event: Event) -> dict[str, Json]:
    """Return the ledger entry that reserves `event` for the patients of `cohort`."""
    return {
        "decision": "reserved",
        "reservation": reservation,
        "study": study,
        "cohort": cohort,
        "privacy": privacy_fields(event),
    }


def close_fields(reservation: str, study: str) -> dict[str, Json]:
    """Return the ledger entry that gives back what was not released of a reservation."""
    return {"decision": "closed", "reservation": reservation, "study": study}


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


def _reserve(accounts: dict[str, _Account], entry: Mapping[str, Json]) -> None:
    name = _text(entry, "reservation")
    study, cohort = _text(entry, "study"), _text(entry, "cohort")
    account = accounts.setdefault(name, _Account(study, cohort))
    if (account.study, account.cohort) != (study, cohort) or not account.open:
        raise _broken(entry, f"reservation {name!r} belongs to something else")
    _add(account.reserved, entry)


def _account(
    accounts: Mapping[str, _Account], entry: Mapping[str, Json], name: str
) -> _Account:
    if name not in accounts:
        raise _broken(entry, f"nothing was reserved under {name!r}")
    return accounts[name]


def _add(uses: Uses, entry: Mapping[str, Json]) -> None:
    privacy = _privacy(entry)
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


def _privacy(entry: Mapping[str, Json]) -> Mapping[str, Json]:
    found = entry.get("privacy")
    if not isinstance(found, Mapping):
        raise _broken(entry, "it does not say what it costs")
    return found


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
