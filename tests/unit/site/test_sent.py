"""Bytes that have left are counted from the ledger, per study and per day."""

from datetime import UTC, datetime, timedelta, timezone

from modelward.core.canonical import Json
from modelward.site.keeping.sent import Sent

MONDAY = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)


def entry(
    kind: str, study: str, nbytes: int, time: str = "2026-11-23T08:00:00Z"
) -> dict[str, Json]:
    return {"kind": kind, "study": study, "bytes": nbytes, "time": time}


def test_releases_count_and_nothing_else_does():
    ledger: list[dict[str, Json]] = [
        entry("release", "a", 5), entry("receipt", "a", 7), entry("release", "b", 11),
        {"kind": "refusal", "study": "a", "time": "2026-11-23T08:00:00Z"},
        entry("release", "a", 13, "2026-11-22T23:59:59Z"),
    ]  # fmt: skip
    sent = Sent(ledger, lambda: MONDAY)

    assert (sent.for_study("a"), sent.for_study("b"), sent.for_study("c")) == (18, 11, 0)
    assert sent.today() == 16


def test_a_new_day_starts_at_midnight_utc_wherever_the_clock_hangs():
    time = MONDAY
    sent = Sent([], lambda: time.astimezone(timezone(timedelta(hours=1))))
    assert sent.today() == 0
    sent.note("a", 5)
    assert sent.today() == 5

    time = MONDAY + timedelta(hours=1)

    assert sent.today() == 0
    assert sent.for_study("a") == 5
