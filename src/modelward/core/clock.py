"""The clock of this machine, for those who are not given another, and how times are spelt."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Return a time with a zone as signed messages, letters and cards spell it: to a second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
