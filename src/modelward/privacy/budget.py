"""What is left of a patient's privacy at a site, over all studies there ever were.

A budget belongs to patients, not to datasets: every booking in the ledger (book.py) names a
cohort, a cohort is a set of keyed patient ids, and a patient is charged for every booking
whose cohort the patient is in. A new release costs what it costs its most used patient. So
neither renaming a dataset nor overlapping cohorts opens a fresh budget. The same person at
two hospitals has two ids, and bounds add: a site cannot know, and the report says so.

Two ceilings hold for each patient: one for all events of a study, one for a lifetime at
this site, both at the policy's delta. Open reservations count, so studies that run at the
same time cannot spend the same epsilon; whoever checks and appends does both under the
ledger's one writer. Releases of the exact lane have no bound and are listed, never added.
"""

import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from modelward.core.canonical import Json
from modelward.errors import BadPrivacyTerms, BudgetExceeded, LedgerBroken
from modelward.privacy.accounting import Event, epsilon, surely_more
from modelward.privacy.book import Book, Booking, reserve_fields
from modelward.privacy.fitting import noise_for, steps_within

Cohorts = Mapping[str, Collection[str]]
"""Cohort hash -> keyed ids of its patients."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The site's policy on epsilon.

    Attributes:
        study: Most that one study may cost a patient.
        lifetime: Most that all studies together may.
        delta: At which both are counted, in (0, 1).
    """

    study: float = 8.0
    lifetime: float = 10.0
    delta: float = 1e-5


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a study wants to do.

    Attributes:
        reservation: Name of the reservation, used once.
        study: SHA-256 of the study.
        patients: Keyed ids of everybody whose data would be used, at least one.
        events: What would be done to each; the last is the one to be made smaller if all
            of them are too much.
    """

    reservation: str
    study: str
    patients: Collection[str]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the most used patient of a group has behind and ahead.

    Attributes:
        spent: Epsilon of what was used.
        reserved: What open reservations add to it.
        left: Up to the ceiling. An event that costs as much alone costs less here, because
            events compose for less than their sum.
    """

    spent: float
    reserved: float
    left: float


def keyed_id(key: bytes, identifier: str) -> str:
    """Return the id under which a site knows a patient, 64 hex digits.

    Args:
        key: The site's secret for ids, 32 bytes; with another key nobody is recognised.
        identifier: The patient's number in the hospital, spelled in one way.
    """
    return hmac.digest(key, b"modelward/patient/1|" + identifier.encode(), "sha256").hex()


def cohort_hash(patients: Iterable[str]) -> str:
    """Return the SHA-256 that names a cohort in the ledger: over its sorted keyed ids."""
    return sha256("\n".join(sorted(set(patients))).encode()).hexdigest()


def reserve(
    book: Book, cohorts: Cohorts, proposal: Proposal, ceilings: Ceilings
) -> dict[str, Json]:
    """Return the fields of the ledger entry that reserves `proposal`, if it is affordable.

    Append it before anything is computed, under the lock that `book` was read under.

    Args:
        book: What the ledger says.
        cohorts: Members of every cohort the ledger names.
        proposal: What is asked for.
        ceilings: The site's policy.

    Raises:
        BudgetExceeded: If it would pass a ceiling; says what is left and what would fit.
        BadPrivacyTerms: If the reservation's name is taken or the cohort is empty.
        LedgerBroken: If the members of a cohort are not at hand.
    """
    if any(booking.reservation == proposal.reservation for booking in book.bookings):
        raise BadPrivacyTerms(
            f"the reservation {proposal.reservation!r} exists already",
            why="a second one under its name could not be told from a repetition",
            remedy="go on with the one that exists, or close it and take another name",
        )
    if not (proposal.patients and proposal.events):
        raise BadPrivacyTerms(
            f"{len(proposal.events)} events for {len(proposal.patients)} patients",
            why="a budget is charged to patients for what is done to them",
            remedy="take part with a cohort, or sit this study out",
        )
    for scope, ceiling in (("study", ceilings.study), ("lifetime", ceilings.lifetime)):
        of_study = [each for each in book.bookings if each.study == proposal.study]
        bookings = of_study if scope == "study" else book.bookings
        for events in _heaviest(bookings, cohorts, proposal.patients):
            left = ceiling - (book.missing if scope == "lifetime" else 0.0)
            cost = _priced([*events, *proposal.events], ceilings.delta, left)
            if cost > left:
                at = max(0.0, left), ceilings.delta
                raise _exceeded(proposal.events, events, scope, at, cost)
    cohort = cohort_hash(proposal.patients)
    return reserve_fields(proposal.reservation, proposal.study, cohort, proposal.events)


def require_reserved(book: Book, reservation: str, event: Event) -> Booking:
    """Return the booking of `reservation` if `event` may be used of it.

    Raises:
        BudgetExceeded: If there is no such open reservation, or too little is left in it.
    """
    for booking in book.bookings:
        if booking.reservation == reservation and booking.open:
            left = _steps(booking.reserved, event) - _steps(booking.used, event)
            if event.steps <= left:
                return booking
            raise BudgetExceeded(
                f"{event.steps} steps against {left} that are left of {reservation!r}",
                why="what leaves was reserved before it was computed, at the same noise",
                remedy="reserve more, if the budget allows, or release fewer steps",
            )
    closed = book.booking(reservation) is not None
    raise BudgetExceeded(
        f"no reservation {reservation!r} is open",
        why="privacy is reserved before data are touched, never booked afterwards",
        remedy="agree on a new version of the study: what was left of this one was given back"
        if closed
        else "reserve the study's events first",
    )


def standing(
    book: Book, cohorts: Cohorts, ceiling: float, delta: float, *, study: str | None = None
) -> Standing:
    """Return where the most used patient of the site stands.

    Args:
        book: What the ledger says.
        cohorts: Members of every cohort the ledger names.
        ceiling: That holds for the bookings looked at.
        delta: At which epsilon is counted.
        study: Look at this study's bookings only; at all of them if absent.
    """
    bookings = [each for each in book.bookings if study is None or each.study == study]
    everybody = {patient for each in bookings for patient in _members(cohorts, each.cohort)}
    charged = max(
        (epsilon(events, delta) for events in _heaviest(bookings, cohorts, everybody)),
        default=0.0,
    )
    lost = book.missing if study is None else 0.0
    used = [replace(each, reserved=(), open=False) for each in bookings]
    spent = max(
        (epsilon(events, delta) for events in _heaviest(used, cohorts, everybody)),
        default=0.0,
    )
    left = max(0.0, ceiling - charged - lost)
    return Standing(spent + lost, max(0.0, charged - spent), left)


def _heaviest(
    bookings: Iterable[Booking], cohorts: Cohorts, patients: Iterable[str]
) -> list[tuple[Event, ...]]:
    """Return the events of those among `patients` who could be the most used.

    Patients in the same bookings are charged the same, and whoever is in all bookings of
    another, and more, is charged at least as much: only the largest sets are priced.
    """
    listed = list(bookings)
    in_bookings: dict[str, int] = dict.fromkeys(patients, 0)
    for place, booking in enumerate(listed):
        for patient in _members(cohorts, booking.cohort):
            if patient in in_bookings:
                in_bookings[patient] |= 1 << place
    largest: list[int] = []
    for found in sorted(set(in_bookings.values()), key=int.bit_count, reverse=True):
        if not any(found & other == found for other in largest):
            largest.append(found)
    return [
        tuple(
            event
            for place, booking in enumerate(listed)
            if found >> place & 1
            for event in booking.charged
        )
        for found in largest
    ]


def _members(cohorts: Cohorts, cohort: str) -> Collection[str]:
    members = cohorts.get(cohort)
    if members is None or cohort_hash(members) != cohort:
        raise LedgerBroken(
            f"the patients of cohort {cohort[:12]}… are not at hand",
            why="without its members, nobody can tell whom a booking was charged to",
            remedy="restore the file of the cohort's keyed ids; until then nothing is released",
        )
    return members


def _steps(events: Iterable[Event], like: Event) -> int:
    return sum(
        each.steps
        for each in events
        if (each.sampling, each.noise) == (like.sampling, like.noise)
    )


def _priced(events: list[Event], delta: float, limit: float) -> float:
    """Return what `events` cost; on the coarse grid where that is plainly above `limit`."""
    plainly = surely_more(events, delta, 2.0 * limit)
    return epsilon(events, delta) if plainly is None else plainly


def _exceeded(
    wanted: tuple[Event, ...],
    charged: tuple[Event, ...],
    scope: str,
    at: tuple[float, float],
    cost: float,
) -> BudgetExceeded:
    """Return the refusal, with what is left and what would fit.

    Args:
        wanted: What was asked for.
        charged: What the patients are charged already.
        scope: Whose ceiling it is.
        at: The ceiling, and delta.
        cost: Epsilon of both together.
    """
    *others, event = wanted
    before, (ceiling, delta) = (*charged, *others), at
    used = epsilon(charged, delta)
    fits = []
    if epsilon(before, delta) <= ceiling:
        fitting = steps_within(ceiling, delta, event, before)
        fits = [f"{fitting} of the {event.steps} steps"] if fitting else []
        try:
            noise = noise_for(
                ceiling, delta, sampling=event.sampling, steps=event.steps, before=before
            )
            fits.append(f"all of them with noise {noise:g} in place of {event.noise:g}")
        except BadPrivacyTerms:
            pass
    return BudgetExceeded(
        f"epsilon would become {cost:.2f}; the {scope} ceiling is {ceiling:g} and {used:.2f} "
        f"of it is taken, so {max(0.0, ceiling - used):.2f} is left",
        why="what was said about a patient cannot be unsaid, in this study or any other",
        remedy=f"what would fit: {', or '.join(fits)}" if fits else "leave these patients out",
    )
