"""What a transfer tells, and when."""

from collections.abc import Iterator

import pytest

from modelward.engines.jetstream.lines.transfer import Transfer

Told = list[dict[str, object]]


@pytest.fixture
def told() -> Told:
    return []


def transfer(told: Told, *times: float) -> Transfer:
    """Return a transfer that began at the first of `times` and reads the others in turn."""
    ticks: Iterator[float] = iter(times)
    return Transfer(
        lambda event, /, **fields: told.append({"event": event, **fields}),
        "sending",
        "ab" * 32,
        clock=lambda: next(ticks),
    )


def test_what_is_over_soon_is_not_told(told):
    made = transfer(told, 0, 1, 2, 4)

    for done in (0, 50, 100):
        made.at(done, 100)

    assert told == []


def test_a_long_one_is_told_every_few_seconds_with_the_time_that_is_left(told):
    made = transfer(told, 0, 0, 4, 6, 8, 11)

    for done in (20, 30, 40, 60, 100):
        made.at(done, 100)

    assert told == [
        {"event": "sending", "artifact": "ab" * 32, "bytes": 40, "of": 100, "percent": 40,
         "seconds_left": 18},
        {"event": "sending", "artifact": "ab" * 32, "bytes": 100, "of": 100, "percent": 100,
         "seconds_left": 0},
    ]  # fmt: skip


def test_one_that_stands_still_has_no_time_that_is_left(told):
    made = transfer(told, 0, 0, 7)

    made.at(20, 100)
    made.at(20, 100)

    assert told[0]["seconds_left"] is None
