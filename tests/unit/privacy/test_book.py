"""What a ledger says about privacy, entry by entry."""

from typing import Any

import pytest

from modelward.core.canonical import Json
from modelward.errors import LedgerBroken
from modelward.privacy.accounting import Event
from modelward.privacy.book import (
    Unbounded,
    close_fields,
    privacy_fields,
    read,
    reserve_fields,
)

STEP = Event(0.1, 1.0, 10)


def reserved(name: str = "r", *, study: str = "s", event: Event = STEP) -> dict[str, Json]:
    return {"kind": "reservation", **reserve_fields(name, study, "c", [event])}


def used(name: str = "r", *, steps: int = 4, noise: float = 1.0) -> dict[str, Json]:
    event = privacy_fields(Event(0.1, noise, steps), name)
    return {"kind": "privacy", "study": "s", "round": 1, "asked": "t", "event": event}


def closed() -> dict[str, Json]:
    return {"kind": "closure", **close_fields("r", "s")}


def charged(*entries: dict[str, Json]) -> tuple[Event, ...]:
    """Return what the only reservation is charged after these entries."""
    (booking,) = read(entries).bookings
    return booking.charged


def test_an_open_reservation_is_charged_in_full():
    assert charged(reserved()) == (STEP,)
    assert charged(reserved(), used(steps=4), used(steps=4)) == (STEP,)


def test_a_closed_reservation_is_charged_for_what_was_used():
    assert charged(reserved(), closed()) == ()
    assert charged(reserved(), used(), used(), closed()) == (Event(0.1, 1.0, 8),)


def test_nothing_is_refunded_after_use():
    assert charged(reserved(), used(), closed(), closed()) == (Event(0.1, 1.0, 4),)
    assert charged(reserved(), closed(), used()) == (Event(0.1, 1.0, 4),)


def test_what_is_used_of_a_closed_reservation_is_charged_and_does_not_open_it():
    (booking,) = read([reserved(), closed(), used(steps=12)]).bookings

    assert booking.charged == (Event(0.1, 1.0, 12),)
    assert not booking.open
    with pytest.raises(LedgerBroken, match="belongs to something else"):
        read([reserved(), closed(), reserved()])


def test_a_refusal_gives_nothing_back():
    refusal: dict[str, Json] = {"kind": "refusal", "study": "s", "task": "t"}

    assert charged(reserved(), refusal) == (STEP,)


def test_a_use_beyond_its_reservation_is_charged_all_the_same():
    assert charged(reserved(), used(steps=30)) == (Event(0.1, 1.0, 30),)
    assert charged(reserved(), used(noise=0.5)) == (Event(0.1, 0.5, 4), STEP)


def test_a_reservation_can_grow_while_it_is_open():
    assert charged(reserved(), reserved(event=Event(1.0, 5.0, 1))) == (
        STEP,
        Event(1.0, 5.0, 1),
    )


def test_exact_releases_are_listed_and_never_added():
    entry: dict[str, Json] = {
        "kind": "release",
        "study": "s",
        "task": "t",
        "artifact": "statistics",
        "privacy": {"mechanism": "none"},
    }

    book = read([reserved(), entry])

    assert book.unbounded == (Unbounded("s", "t", "statistics"),)
    assert book.bookings[0].charged == (STEP,)


def changed(entry: dict[str, Json], **fields: Any) -> dict[str, Json]:
    return {**entry, **fields}


@pytest.mark.parametrize(
    "entries",
    [
        [used()],
        [closed()],
        [reserved(), reserved(study="other")],
        [reserved(), closed(), reserved()],
        [changed(reserved(), events=[{"mechanism": "laplace", "scale": 1.0}])],
        [changed(reserved(), events=[{"mechanism": "gaussian", "noise": 1.0, "steps": 1}])],
        [changed(reserved(), events=[{**privacy_fields(STEP), "steps": True}])],
        [changed(reserved(), events=None)],
        [changed(reserved(), events=[])],
        [changed(reserved(), events=["gaussian"])],
        [changed(reserved(), cohort=3)],
        [reserved(), changed(used(), event={"mechanism": "gaussian", "reservation": "r"})],
        [reserved(), changed(used(), event=None)],
        [changed(used(), event=privacy_fields(STEP))],
        [{"kind": "release", "study": "s"}],
    ],
)
def test_an_entry_that_cannot_be_counted_stops_everything(entries):
    with pytest.raises(LedgerBroken, match="cannot be counted"):
        read(entries)


def test_a_booking_remembers_which_task_each_round_was_for():
    entries = [reserved(), used(), changed(used(), round=2, asked="u")]

    assert read(entries).bookings[0].asked == {1: "t", 2: "u"}
    assert read(entries).booking("r") == read(entries).bookings[0]
    assert read(entries).booking("q") is None
