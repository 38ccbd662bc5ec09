"""What is refused is recorded once for each reason, and nobody can fill a ledger by asking."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from modelward.core.task import Task
from modelward.core.verdict import Finding
from modelward.errors import MessageRefused
from modelward.ledger.log import Ledger
from modelward.site.keeping.noting import Noting

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FINDING = Finding("approval", "nobody has approved it", "approve it")


class Day:
    """A clock that is moved by hand."""

    time = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def asked(number: int) -> Task:
    return Task(study=f"{number:064x}", round_no=1, kind="train", model="ab" * 32)


def error(what: str) -> MessageRefused:
    return MessageRefused(what, why="a test says so", remedy="none")


def opened(folder: Path, day: Day) -> Ledger:
    return Ledger.open(folder / "ledger", origin="modelward/a", private_key=KEY, clock=day)


def test_a_flood_of_tasks_and_messages_ends_with_an_entry_that_says_so(tmp_path):
    day = Day()
    with opened(tmp_path, day) as ledger:
        noting = Noting(ledger, day, most=5)
        for number in range(50):
            noting.task(asked(number), (FINDING,))
            noting.message("", error(f"sender {number} is not known"))

        entries = [dict(entry) for entry in ledger]
    assert [entry["kind"] for entry in entries] == [
        "intake", "message", "intake", "message", "intake", "message",
    ]  # fmt: skip
    assert entries[-1]["finding"] == (
        "more than 5 reasons to refuse: the rest of 2026-11-20 is not here"
    )


def test_another_day_is_recorded_again(tmp_path):
    day = Day()
    with opened(tmp_path, day) as ledger:
        noting = Noting(ledger, day, most=2)
        for number in range(5):
            noting.task(asked(number), (FINDING,))
        day.time += timedelta(days=1)
        noting.task(asked(9), (FINDING,))

        tasks = [entry.get("asked") for entry in ledger]
    assert tasks == [asked(0).id, asked(1).id, None, asked(9).id]


def test_the_same_reason_is_recorded_once(tmp_path):
    with opened(tmp_path, Day()) as ledger:
        noting = Noting(ledger, Day())
        for _ in range(3):
            noting.task(asked(1), (FINDING,))
            noting.message("ab" * 32, error("it expired"))

        assert ledger.size == 2
