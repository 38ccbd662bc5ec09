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
    return reserve_fields(name, study, "c", event)


def released(name: str = "r", *, steps: int = 4, noise: float = 1.0) -> dict[str, Json]:
    event = Event(0.1, noise, steps)
    return {"decision": "released", "study": "s", "privacy": privacy_fields(event, name)}


def charged(*entries: dict[str, Json]) -> tuple[Event, ...]:
    """Return what the only reservation is charged after these entries."""
    (booking,) = read(entries).bookings
    return booking.charged


def test_an_open_reservation_is_charged_in_full():
    assert charged(reserved()) == (STEP,)
    assert charged(reserved(), released(steps=4), released(steps=4)) == (STEP,)


def test_a_closed_reservation_is_charged_for_what_was_released():
    assert charged(reserved(), close_fields("r", "s")) == ()
    assert charged(reserved(), released(), released(), close_fields("r", "s")) == (
        Event(0.1, 1.0, 8),
    )


def test_nothing_is_refunded_after_release():
    assert charged(reserved(), released(), close_fields("r", "s"), close_fields("r", "s")) == (
        Event(0.1, 1.0, 4),
    )
    assert charged(reserved(), close_fields("r", "s"), released()) == (Event(0.1, 1.0, 4),)


def test_a_refusal_gives_nothing_back():
    refusal: dict[str, Json] = {"decision": "refused", "study": "s", "task": "t"}

    assert charged(reserved(), refusal) == (STEP,)


def test_a_release_beyond_its_reservation_is_charged_all_the_same():
    assert charged(reserved(), released(steps=30)) == (Event(0.1, 1.0, 30),)
    assert charged(reserved(), released(noise=0.5)) == (Event(0.1, 0.5, 4), STEP)


def test_a_reservation_can_grow_while_it_is_open():
    assert charged(reserved(), reserved(event=Event(1.0, 5.0, 1))) == (
        STEP,
        Event(1.0, 5.0, 1),
    )


def test_exact_releases_are_listed_and_never_added():
    entry: dict[str, Json] = {
        "decision": "released",
        "study": "s",
        "task": "t",
        "kind": "statistics",
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
        [released()],
        [close_fields("r", "s")],
        [reserved(), reserved(study="other")],
        [reserved(), close_fields("r", "s"), reserved()],
        [changed(reserved(), privacy={"mechanism": "laplace", "scale": 1.0})],
        [changed(reserved(), privacy={"mechanism": "gaussian", "noise": 1.0, "steps": 1})],
        [changed(reserved(), privacy={**privacy_fields(STEP), "steps": True})],
        [changed(reserved(), privacy=None)],
        [changed(reserved(), cohort=3)],
        [reserved(), changed(released(), privacy={"mechanism": "gaussian"})],
        [changed(released(), privacy=privacy_fields(STEP))],
    ],
)
def test_an_entry_that_cannot_be_counted_stops_everything(entries):
    with pytest.raises(LedgerBroken, match="cannot be counted"):
        read(entries)
